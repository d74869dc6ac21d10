import { toRequestBody } from '../conversation.ts';

/** How the fake orchestrator is asked to answer, by the model that the request names. */
export const ANSWERS = {
  whole: 'bench/whole',
  /** As many tokens as it can write, at once. */
  burst: 'bench/burst',
  /** The first token at once, then silence until the answer's end a moment later. */
  firstToken: 'bench/first-token',
  /** A token every 50 ms, each bearing the moment at which it was written. */
  paced: 'bench/paced',
} as const;

export type AnswerKind = keyof typeof ANSWERS;

export function toGatewayBody(kind: AnswerKind): string {
  return toRequestBody({ model: ANSWERS[kind], stream: kind !== 'whole' });
}
