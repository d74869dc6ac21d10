import type { StepEvent } from '@rubot/contracts/agent';
import type { ChatMessage, ToolCall } from '@rubot/contracts/chat-request';
import { addUsage, NO_USAGE, type Usage } from '@rubot/contracts/chat-response';
import { RubotError } from '@rubot/errors';
import { type AnswerPart, toTextPart } from './answer.ts';
import { findHeldCalls, findOpenCalls, type HeldCall } from './held-calls.ts';

/** What a slice has from its journal: steps that were finished and are not made again. */
export interface Replay {
  /** Sent to the agent behind the conversation, so that it goes on from there. */
  readonly messages: readonly ChatMessage[];
  /** What was said in those steps. */
  readonly parts: readonly AnswerPart[];
  readonly usage: Usage;
  readonly standing: Standing;
}

/** Where a slice stands behind the last step of its journal. */
export type Standing =
  /** The agent goes on from here. */
  | { readonly status: 'open' }
  /** The last step told of calls that were not run; the agent runs them when it goes on. */
  | { readonly status: 'held'; readonly calls: readonly HeldCall[] }
  /** It was the answer's last: there is nothing left to ask. */
  | { readonly status: 'over'; readonly finishReason: string | undefined };

/** The words of two steps are two paragraphs. */
export const PARAGRAPH = '\n\n';

/** @throws RubotError `stream_interrupted` when the agent had said its last word, but not why it was the last */
export function replaySteps(steps: readonly StepEvent[]): Replay {
  const messages = steps.flatMap((step) => step.messages);
  const usage = steps.reduce((total, step) => addUsage(total, step.usage), NO_USAGE);
  const texts = messages
    .filter((message) => message.role === 'assistant')
    .map(({ content }) => (typeof content === 'string' ? content : ''));
  const text = texts.filter((said) => said !== '').join(PARAGRAPH);
  const standing = findStanding(steps, messages);
  if (standing.status === 'over' && standing.finishReason === undefined)
    throw new RubotError('stream_interrupted', 'The agent did not say why it stopped. Ask again.');
  const clientCalls = standing.status === 'over' ? findOpenCalls(messages) : [];
  return {
    messages,
    parts: [...(text === '' ? [] : [toTextPart(text)]), ...(clientCalls.length === 0 ? [] : [toCallPart(clientCalls)])],
    usage,
    standing,
  };
}

export function findStanding(steps: readonly StepEvent[], messages: readonly ChatMessage[]): Standing {
  const last = steps.at(-1);
  if (last === undefined) return { status: 'open' };
  if ((last.pending ?? []).length > 0) return { status: 'held', calls: findHeldCalls(last, messages) };
  const finishReason = last.finish_reason ?? undefined;
  // Results of calls that were held; the agent may have more to tell behind them, such as calls of the client's.
  if (finishReason === undefined && last.messages.every((message) => message.role === 'tool')) return { status: 'open' };
  // Calls that nobody holds are of the client's own tools: the answer ends with them.
  const isOver = findOpenCalls(messages).length > 0 || last.messages.at(-1)?.role === 'assistant';
  return isOver ? { status: 'over', finishReason } : { status: 'open' };
}

function toCallPart(calls: readonly ToolCall[]): AnswerPart {
  return { choices: [{ index: 0, delta: { tool_calls: calls.map((call, index) => ({ index, ...call })) }, finish_reason: null }] };
}
