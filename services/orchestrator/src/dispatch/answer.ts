import type { ChatCompletionChunk, RubotReport, Usage } from '@rubot/contracts/chat-response';

/** A piece of an answer on its way: an agent's chunk, or words of our own in the same shape. Its envelope is put around it at the end. */
export interface AnswerPart {
  readonly choices: ChatCompletionChunk['choices'];
  readonly [field: string]: unknown;
}

/** What is known only when the answer is whole. */
export interface AnswerEnd {
  readonly finishReason: string;
  readonly report: RubotReport;
  readonly usage: Usage;
}

/** Parts as they come, and the end when there is one; a failure is thrown. Whoever stops reading calls `return`. */
export type Answer = AsyncIterableIterator<AnswerPart, AnswerEnd, undefined>;

export function toTextPart(content: string): AnswerPart {
  return { choices: [{ index: 0, delta: { content }, finish_reason: null }] };
}

/** True for a part that says something: text, a tool call, a refusal; not for one that only opens the answer. */
export function saysSomething({ choices }: AnswerPart): boolean {
  return choices.some(({ delta }) => Object.entries(delta).some(([name, value]) => name !== 'role' && !isEmpty(value)));
}

function isEmpty(value: unknown): boolean {
  return value === null || value === undefined || value === '' || (Array.isArray(value) && value.length === 0);
}
