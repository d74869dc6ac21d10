import type { StepEvent } from '@rubot/contracts/agent';
import type { ChatMessage, ToolCall } from '@rubot/contracts/chat-request';
import { addUsage, NO_USAGE, type Usage } from '@rubot/contracts/chat-response';
import { RubotError } from '@rubot/errors';
import { type AnswerPart, toTextPart } from './answer.ts';

/** What a slice has from its journal: steps that were finished by an earlier attempt and are not made again. */
export interface Replay {
  /** Sent to the agent behind the conversation, so that it goes on from there. */
  readonly messages: readonly ChatMessage[];
  /** What was said in those steps. */
  readonly parts: readonly AnswerPart[];
  readonly usage: Usage;
  /** Set when the last step was the answer's last: then there is nothing left to ask. */
  readonly finishReason: string | undefined;
}

const PARAGRAPH = '\n\n';

/** @throws RubotError `stream_interrupted` when the agent had said its last word, but not why it was the last */
export function replaySteps(steps: readonly StepEvent[]): Replay {
  const messages = steps.flatMap((step) => step.messages);
  const usage = steps.reduce((total, step) => addUsage(total, step.usage), NO_USAGE);
  const texts = messages
    .filter((message) => message.role === 'assistant')
    .map(({ content }) => (typeof content === 'string' ? content : ''));
  const text = texts.filter((said) => said !== '').join(PARAGRAPH);
  const last = steps.at(-1);
  const openCalls = last === undefined ? [] : findOpenCalls(last);
  const isOver = last !== undefined && (openCalls.length > 0 || last.messages.at(-1)?.role === 'assistant');
  if (isOver && typeof last.finish_reason !== 'string')
    throw new RubotError('stream_interrupted', 'The agent did not say why it stopped. Ask again.');
  // What follows is another step's, and the words of two steps are two paragraphs.
  const textParts = text === '' ? [] : [toTextPart(isOver ? text : `${text}${PARAGRAPH}`)];
  return {
    messages,
    parts: [...textParts, ...(openCalls.length === 0 ? [] : [toCallPart(openCalls)])],
    usage,
    finishReason: isOver ? (last.finish_reason ?? undefined) : undefined,
  };
}

/** Calls to the client's own tools: the answer ends with them. */
function findOpenCalls({ messages }: StepEvent): readonly ToolCall[] {
  const answered = new Set(messages.flatMap((message) => (message.role === 'tool' ? [message.tool_call_id] : [])));
  const calls = messages.flatMap((message) => (message.role === 'assistant' ? (message.tool_calls ?? []) : []));
  return calls.filter((call) => !answered.has(call.id));
}

function toCallPart(calls: readonly ToolCall[]): AnswerPart {
  return { choices: [{ index: 0, delta: { tool_calls: calls.map((call, index) => ({ index, ...call })) }, finish_reason: null }] };
}
