import { toRequestBody } from '../conversation.ts';

/** How the model is asked to answer: a field that nobody on the way knows, and everybody passes on. */
export const ANSWER_FIELD = 'bench_answer';

export const ANSWERS = ['instant', 'paced'] as const;
/** `instant`: all at once. `paced`: a token every 50 ms, the first at once. */
export type AnswerKind = (typeof ANSWERS)[number];

export const INSTANT_TOKENS = 10;
export const PACED_TOKENS = 20;
export const PACE_MS = 50;

export const AGENT_ID = 'conversational';

export function toDurableBody(kind: AnswerKind, { stream }: { readonly stream: boolean }): string {
  // The agent by its name: no planner is asked.
  return toRequestBody({ model: `rubot/${AGENT_ID}`, stream, [ANSWER_FIELD]: kind });
}
