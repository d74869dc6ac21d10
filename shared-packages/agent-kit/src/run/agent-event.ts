import type { StepEvent } from '@rubot/contracts/agent';
import type { ToolCall } from '@rubot/contracts/chat-request';
import type { Usage } from '@rubot/contracts/chat-response';
import type { AgentRun } from './agent-run.ts';

/**
 * What a run gives out, in order. Behind `held` it goes on with another request; with neither that nor an `end` it has
 * failed, and the failure is thrown.
 */
export type AgentEvent =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'client-calls'; readonly calls: readonly ToolCall[] }
  | { readonly type: 'step'; readonly step: StepEvent }
  | { readonly type: 'held'; readonly usage: Usage }
  | { readonly type: 'end'; readonly finishReason: string; readonly usage: Usage };

/** The last event of an answer. */
export function endAs({ record }: AgentRun, finishReason: string): AgentEvent {
  record.ended();
  return { type: 'end', finishReason, usage: record.usage };
}

/** The last event of a request whose answer goes on with another one. */
export function hold({ record }: AgentRun): AgentEvent {
  record.ended();
  return { type: 'held', usage: record.usage };
}
