import type { ChatRequest } from '@rubot/contracts/chat-request';
import type { Deadline } from '@rubot/http/deadline';
import type { Span } from '@rubot/logging/span';
import type { Agent } from '../define-agent.ts';
import type { AgentDeps } from '../deps.ts';
import type { Caller } from '../routes/caller.ts';
import type { RunRecord } from './run-record.ts';

/** One answer in the making. */
export interface AgentRun {
  readonly agent: Agent;
  readonly deps: AgentDeps;
  readonly caller: Caller;
  readonly request: ChatRequest;
  readonly span: Span;
  /** Aborted to end the run, whatever it is doing. */
  readonly deadline: Deadline;
  readonly record: RunRecord;
}
