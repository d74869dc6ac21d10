import type { DescribedAgent } from '../agents/eligible.ts';

const WORD = /[\p{L}\p{N}]{3,}/gu;

/**
 * The agent whose own words the question repeats most; between equals, the one that the operator registered first.
 * The same question always finds the same agent.
 *
 * @param offered has at least one agent
 */
export function findBestMatch(offered: readonly DescribedAgent[], question: string): DescribedAgent {
  const asked = wordsOf(question);
  const [first, ...others] = offered.map((candidate) => ({ candidate, score: countShared(asked, candidate) }));
  if (first === undefined) throw new TypeError('there is no agent to choose from');
  return others.reduce((best, other) => (other.score > best.score ? other : best), first).candidate;
}

function countShared(asked: ReadonlySet<string>, { agent, capabilities }: DescribedAgent): number {
  const tools = capabilities.tools.map((tool) => `${tool.name.replaceAll('_', ' ')} ${tool.description}`).join(' ');
  const own = wordsOf(`${agent.id} ${capabilities.name} ${capabilities.summary} ${tools}`);
  return [...asked].filter((word) => own.has(word)).length;
}

function wordsOf(text: string): ReadonlySet<string> {
  return new Set(text.toLowerCase().match(WORD));
}
