import type { ToolCall } from '@rubot/contracts/chat-request';
import type { ChatCompletion, ToolCallDelta } from '@rubot/contracts/chat-response';
import type { Answer, AnswerPart } from './answer.ts';
import type { Envelope } from './stream.ts';

type Message = ChatCompletion['choices'][number]['message'];

/** The whole answer as one body, for a client that did not ask for a stream. */
export async function toCompletion(answer: Answer, envelope: Envelope): Promise<ChatCompletion> {
  const message = createMessage();
  for (;;) {
    const { done, value } = await answer.next();
    if (done === true) {
      const { finishReason, report, usage } = value;
      return {
        ...envelope,
        object: 'chat.completion',
        choices: [{ index: 0, message: message.finish(), logprobs: null, finish_reason: finishReason }],
        usage,
        rubot: report,
      };
    }
    message.add(value);
  }
}

/** The same for parts that are all there. */
export function toMessage(parts: readonly AnswerPart[]): Message {
  const message = createMessage();
  for (const part of parts) message.add(part);
  return message.finish();
}

function createMessage(): { add(part: AnswerPart): void; finish(): Message } {
  const texts = new Map<string, string>();
  const toolCalls = new Map<number, ToolCall>();

  return {
    add({ choices }) {
      for (const { delta } of choices) {
        for (const call of delta.tool_calls ?? []) toolCalls.set(call.index, extendCall(toolCalls.get(call.index), call));
        // Beside content and refusal, models stream fields of their own, such as their reasoning.
        for (const [name, value] of Object.entries(delta)) {
          if (name !== 'role' && typeof value === 'string' && value !== '') texts.set(name, (texts.get(name) ?? '') + value);
        }
      }
    },
    finish() {
      const calls = [...toolCalls].sort(([left], [right]) => left - right).map(([, call]) => call);
      const content = calls.length > 0 ? null : '';
      return {
        role: 'assistant',
        content,
        refusal: null,
        ...Object.fromEntries(texts),
        ...(calls.length > 0 ? { tool_calls: calls } : {}),
      };
    },
  };
}

/** The first delta of a call brings its id and name, the others pieces of its arguments. */
function extendCall(known: ToolCall | undefined, { id, function: piece }: ToolCallDelta): ToolCall {
  return {
    id: known?.id ?? id ?? '',
    type: 'function',
    function: {
      name: (known?.function.name ?? '') + (piece?.name ?? ''),
      arguments: (known?.function.arguments ?? '') + (piece?.arguments ?? ''),
    },
  };
}
