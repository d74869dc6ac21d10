import type { ToolCall } from '@rubot/contracts/chat-request';
import type { ChatCompletion } from '@rubot/contracts/chat-response';
import { RubotError } from '@rubot/errors';
import type { AgentEvent } from '../run/agent-event.ts';
import type { Envelope } from './envelope.ts';

/** The whole answer in one body. */
export async function toCompletion(events: AsyncIterable<AgentEvent>, envelope: Envelope): Promise<ChatCompletion> {
  let text = '';
  const calls: ToolCall[] = [];
  for await (const event of events) {
    if (event.type === 'text') text += event.text;
    if (event.type === 'client-calls') calls.push(...event.calls);
    if (event.type !== 'end') continue;
    return {
      ...envelope,
      object: 'chat.completion',
      choices: [
        {
          index: 0,
          message: {
            role: 'assistant',
            content: text === '' && calls.length > 0 ? null : text,
            refusal: null,
            ...(calls.length === 0 ? {} : { tool_calls: calls }),
          },
          finish_reason: event.finishReason,
        },
      ],
      usage: event.usage,
    };
  }
  throw new RubotError('stream_interrupted', 'The agent stopped without an end. Ask again.');
}
