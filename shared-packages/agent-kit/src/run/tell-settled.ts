import type { ToolCall } from '@rubot/contracts/chat-request';
import { NO_USAGE } from '@rubot/contracts/chat-response';
import { type AgentEvent, endAs, hold } from './agent-event.ts';
import type { AgentRun } from './agent-run.ts';
import type { SettledCalls } from './settle-calls.ts';

export interface TellSettledOptions {
  readonly settled: SettledCalls;
  /** Calls of the same step that the client answers. */
  readonly clientCalls: readonly ToolCall[];
  /** Of the step in which the calls were made. */
  readonly index: number;
}

/**
 * What became of the calls that were left open, as one step. The answer ends with it for now where somebody else has to
 * speak before the model: a person who decides, or the client with results of its own.
 */
export function* tellSettled(run: AgentRun, { settled, clientCalls, index }: TellSettledOptions): Generator<AgentEvent, void, undefined> {
  const { messages, pending } = settled;
  run.record.callsSettled();
  const step = { index, messages: [...messages], usage: NO_USAGE };
  if (pending.length > 0) {
    yield { type: 'step', step: { ...step, pending: [...pending] } };
    yield hold(run);
  } else if (clientCalls.length > 0) {
    yield { type: 'step', step: { ...step, finish_reason: 'tool_calls' } };
    yield { type: 'client-calls', calls: clientCalls };
    yield endAs(run, 'tool_calls');
  } else {
    yield { type: 'step', step };
  }
}
