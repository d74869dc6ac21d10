import type { CallDecisions, StepEvent } from '@rubot/contracts/agent';
import type { ChatMessage, ToolCall } from '@rubot/contracts/chat-request';
import { RubotError } from '@rubot/errors';

/** A call that an agent has told of and not run. */
export interface HeldCall {
  readonly call: ToolCall;
  /** What it waits for: to be on record (`commit`), or for a person (`approval`). */
  readonly awaits: string;
}

/** Calls of the last assistant message that have no result. */
export function findOpenCalls(messages: readonly ChatMessage[]): readonly ToolCall[] {
  const index = messages.findLastIndex((message) => message.role === 'assistant');
  const answered = new Set(messages.slice(index + 1).flatMap((message) => (message.role === 'tool' ? [message.tool_call_id] : [])));
  return callsOf(messages.slice(index, index + 1)).filter((call) => !answered.has(call.id));
}

/**
 * @param messages the journal, this step included
 * @throws RubotError `upstream_failed` for a call that was not made, or has its result
 */
export function findHeldCalls({ pending = [] }: StepEvent, messages: readonly ChatMessage[]): readonly HeldCall[] {
  const open = new Map(findOpenCalls(messages).map((call) => [call.id, call]));
  return pending.map(({ tool_call_id, awaits }) => {
    const call = open.get(tool_call_id);
    if (call === undefined) throw unusable('The agent holds a call that it has not made.');
    return { call, awaits };
  });
}

export function isUndecided({ call, awaits }: HeldCall, decisions: CallDecisions): boolean {
  return awaits === 'approval' && !Object.hasOwn(decisions, call.id);
}

/**
 * What an agent holds must be new, or wait for a person: else it would be asked for ever, or one decision would open two calls.
 *
 * @param earlier the journal before this step
 * @throws RubotError `upstream_failed`
 */
export function assertHoldable(step: StepEvent, earlier: readonly ChatMessage[], decisions: CallDecisions): void {
  if ((step.pending ?? []).length === 0) return;
  const held = findHeldCalls(step, [...earlier, ...step.messages]);
  const made = new Set(callsOf(step.messages).map(({ id }) => id));
  const madeBefore = new Set(callsOf(earlier).map(({ id }) => id));
  for (const one of held) {
    const { id } = one.call;
    if (made.has(id) && (madeBefore.has(id) || Object.hasOwn(decisions, id))) throw unusable('The agent makes two calls under one id.');
    if (!made.has(id) && !isUndecided(one, decisions)) throw unusable('The agent was told to run a call, and holds it again.');
  }
}

function callsOf(messages: readonly ChatMessage[]): readonly ToolCall[] {
  return messages.flatMap((message) => (message.role === 'assistant' ? (message.tool_calls ?? []) : []));
}

function unusable(problem: string): RubotError {
  return new RubotError('upstream_failed', `${problem} Ask again.`);
}
