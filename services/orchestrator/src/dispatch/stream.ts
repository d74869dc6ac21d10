import { type ChatCompletionChunk, STREAM_DONE } from '@rubot/contracts/chat-response';
import type { SseFrame } from '@rubot/http/sse-response';
import type { Answer, AnswerEnd, AnswerPart } from './answer.ts';

/** What every chunk of one answer has in common. */
export interface Envelope {
  readonly id: string;
  readonly model: string;
  readonly created: number;
}

/** A completion is named after its run. */
export function toEnvelope(runId: string, model: string, created: number): Envelope {
  return { id: runId.replace(/^run_/, 'chatcmpl-'), model, created };
}

export interface StreamOptions {
  readonly envelope: Envelope;
  readonly includeUsage: boolean;
}

/** The frames of an answer as OpenAI streams it: parts, the finish with our report, the usage when asked for, `[DONE]`. */
export async function* toFrames(answer: Answer, { envelope, includeUsage }: StreamOptions): AsyncGenerator<SseFrame, void, undefined> {
  // OpenAI sends the field in every chunk once usage was asked for, and in none otherwise.
  const noUsage = includeUsage ? { usage: null } : {};
  const shared = { ...envelope, object: 'chat.completion.chunk', ...noUsage } as const;
  const end = yield* framesOfParts(answer, shared);
  yield toFrame({ ...shared, choices: [{ index: 0, delta: {}, finish_reason: end.finishReason }], rubot: end.report });
  if (includeUsage) yield toFrame({ ...shared, choices: [], usage: end.usage });
  yield { data: STREAM_DONE };
}

async function* framesOfParts(
  answer: Answer,
  shared: Omit<ChatCompletionChunk, 'choices'>,
): AsyncGenerator<SseFrame, AnswerEnd, undefined> {
  let isFirst = true;
  try {
    for (;;) {
      const { done, value } = await answer.next();
      if (done === true) return value;
      yield toFrame({ ...(isFirst ? openWithRole(value) : value), usage: undefined, rubot: undefined, ...shared });
      isFirst = false;
    }
  } finally {
    await answer.return?.();
  }
}

/** Clients take the role from the first chunk alone. */
function openWithRole({ choices, ...part }: AnswerPart): AnswerPart {
  return { ...part, choices: choices.map((choice) => ({ ...choice, delta: { role: 'assistant', ...choice.delta } })) };
}

function toFrame(chunk: ChatCompletionChunk | Record<string, unknown>): SseFrame {
  return { data: JSON.stringify(chunk) };
}
