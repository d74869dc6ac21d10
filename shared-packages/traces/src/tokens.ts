import type { AgentLog } from '@rubot/contracts/log';
import type { Tokens } from './trace.ts';

export const NO_TOKENS: Tokens = { input: 0, output: 0 };

export function addTokens(parts: readonly Tokens[]): Tokens {
  return parts.reduce((sum, part) => ({ input: sum.input + part.input, output: sum.output + part.output }), NO_TOKENS);
}

/** A span that states its tokens states them for all under it; else its children's count, else its agent's own report. */
export function rollUpTokens(stated: Tokens | undefined, children: readonly Tokens[], agent: AgentLog | undefined): Tokens {
  if (stated !== undefined) return stated;
  const ofChildren = addTokens(children);
  if (ofChildren.input + ofChildren.output > 0 || agent === undefined) return ofChildren;
  return { input: agent.input_tokens, output: agent.output_tokens };
}
