import type { PlannerPrompt } from './planner-prompt.ts';
import { countShared, toKeywords } from './words.ts';

interface DemoSlice {
  readonly id: string;
  readonly agent_id: string;
  readonly task: string;
  readonly depends_on: readonly string[];
}

type PlannerAgent = PlannerPrompt['agents'][number];

const MAX_SLICES = 3;
/** Where one part of a question ends and the next begins. */
const PART_BREAK = /(?:[?;]|\.(?=\s))\s*(?:and\s+)?(?:(?:then|also)\b,?\s*)?|,?\s+and\s+(?:(?:then|also)\s+)?/gi;
const NEEDS_EARLIER = /\b(?:then|based on|using|with (?:that|those|the result)|the result|those|them|accordingly)\b/i;
const GENERALIST = /\b(?:general|conversation\w*|anything|everything)\b/i;

interface Part {
  readonly text: string;
  /** The words that joined it to the part before, such as "and then". */
  readonly lead: string;
}

/** One to three slices: as many as the question has parts that different agents answer best. */
export function planByWords({ agents, question }: PlannerPrompt): { readonly slices: readonly DemoSlice[] } {
  const parts = splitParts(question);
  const matches = parts.map((part) => findBest(part.text, agents)).filter((agent) => agent !== undefined);
  const isSplit = parts.length > 1 && new Set(matches).size === parts.length;
  if (!isSplit) return { slices: [toSlice(0, findBest(question, agents) ?? findGeneralist(agents), question, [])] };
  const slices = matches.map((agent, index) => {
    const { text, lead } = parts[index] as Part;
    return toSlice(index, agent, text, index > 0 && NEEDS_EARLIER.test(`${lead} ${text}`) ? [`s${index}`] : []);
  });
  return { slices };
}

function splitParts(question: string): readonly Part[] {
  const breaks = [...question.matchAll(PART_BREAK)];
  const ends = [...breaks.map((found) => found.index), question.length];
  const parts = ends.map((end, index) => {
    const lead = breaks[index - 1];
    return { text: question.slice(lead === undefined ? 0 : lead.index + lead[0].length, end).trim(), lead: lead?.[0] ?? '' };
  });
  const whole = parts.filter(({ text }) => toKeywords(text).size > 1);
  return whole.length > MAX_SLICES ? [] : whole;
}

function toSlice(index: number, agent: PlannerAgent, task: string, dependsOn: readonly string[]): DemoSlice {
  return { id: `s${index + 1}`, agent_id: agent.id, task, depends_on: dependsOn };
}

function findBest(text: string, agents: readonly PlannerAgent[]): PlannerAgent | undefined {
  const wanted = toKeywords(text);
  const scored = agents.map((agent) => ({ agent, score: countShared(wanted, toKeywords(`${agent.id} ${agent.name} ${agent.summary}`)) }));
  const best = scored.reduce((left, right) => (right.score > left.score ? right : left));
  return best.score === 0 ? undefined : best.agent;
}

function findGeneralist(agents: readonly PlannerAgent[]): PlannerAgent {
  return agents.find((agent) => GENERALIST.test(`${agent.name} ${agent.summary}`)) ?? (agents[0] as PlannerAgent);
}
