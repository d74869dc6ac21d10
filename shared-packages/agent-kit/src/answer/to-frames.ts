import { STEP_EVENT } from '@rubot/contracts/agent';
import { type ChatCompletionChunk, STREAM_DONE, type Usage } from '@rubot/contracts/chat-response';
import type { SseFrame } from '@rubot/http/sse-response';
import type { AgentEvent } from '../run/agent-event.ts';
import type { Envelope } from './envelope.ts';

export interface ToFramesOptions {
  readonly envelope: Envelope;
  /** One chunk with the usage behind the last, as the client asked for by `stream_options`. */
  readonly includeUsage: boolean;
  /** Finished steps as events of their own, which readers of chunks pass over. */
  readonly includeSteps: boolean;
}

type Delta = ChatCompletionChunk['choices'][number]['delta'];

/** The frames of a streamed answer: a text event is one chunk, so that tokens leave as they come. */
export async function* toFrames(events: AsyncIterable<AgentEvent>, options: ToFramesOptions): AsyncGenerator<SseFrame, void, undefined> {
  const { envelope, includeUsage, includeSteps } = options;
  const toChunk = (delta: Delta, finishReason: string | null = null): SseFrame =>
    toFrame({
      ...envelope,
      object: 'chat.completion.chunk',
      choices: [{ index: 0, delta, finish_reason: finishReason }],
      ...(includeUsage ? { usage: null } : {}),
    });

  yield toChunk({ role: 'assistant', content: '' });
  for await (const event of events) {
    switch (event.type) {
      case 'text':
        yield toChunk({ content: event.text });
        break;
      case 'client-calls':
        for (const [index, call] of event.calls.entries()) yield toChunk({ tool_calls: [{ index, ...call }] });
        break;
      case 'step':
        if (includeSteps) yield { event: STEP_EVENT, data: JSON.stringify(event.step) };
        break;
      case 'held':
      case 'end':
        // What is held goes on with another request: to give a reason would be to say that the answer is over.
        if (event.type === 'end') yield toChunk({}, event.finishReason);
        if (includeUsage) yield toUsageFrame(envelope, event.usage);
        yield { data: STREAM_DONE };
        break;
    }
  }
}

function toUsageFrame(envelope: Envelope, usage: Usage): SseFrame {
  return toFrame({ ...envelope, object: 'chat.completion.chunk', choices: [], usage });
}

function toFrame(chunk: ChatCompletionChunk): SseFrame {
  return { data: JSON.stringify(chunk) };
}
