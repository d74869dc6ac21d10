import type { CallDecisions, SlotType } from '@rubot/contracts/agent';
import type { ChatRequest } from '@rubot/contracts/chat-request';
import type { Deadline } from '@rubot/http/deadline';
import type { Span } from '@rubot/logging/span';
import type { StoredPlan } from '../planning/stored-plan.ts';
import type { EventRecorder } from './event-recorder.ts';
import type { RunStep } from './run-store.ts';

/** On whose behalf a run is made, as the gateway tells; believed because the gateway holds the hop key. */
export interface Caller {
  readonly tenantId: string;
  readonly sessionId: string;
  readonly senderId: string;
  /** Passed on to the agents unread; the middleware alone can say what it is worth. Absent where the run has outlived it. */
  readonly dataBearer: string | undefined;
}

/** One accepted completion while it is worked on. */
export interface Run {
  readonly id: string;
  readonly caller: Caller;
  readonly request: ChatRequest;
  /** The kind of slot that it has. */
  readonly slotType: SlotType;
  /** One for the whole chain: planner, every slice, and the merge. */
  readonly deadline: Deadline;
  readonly span: Span;
  readonly recorder: EventRecorder;
  /** What earlier attempts have decided and done; nothing of it is paid for again. */
  readonly plan: StoredPlan | undefined;
  readonly steps: readonly RunStep[];
  /** What persons have decided on calls of those steps, by call id. */
  readonly decisions: CallDecisions;
  /** Absent where a failed attempt is the last: somebody waits for it. */
  readonly retries: Retries | undefined;
  /**
   * A data bearer that lives for some time yet; to be asked for before each call of an agent.
   *
   * @throws RubotError `forbidden` when the sender may not act for the tenant any more, which ends the run; others when none is to be had
   */
  freshBearer(): Promise<DataBearer>;
}

export interface DataBearer {
  readonly token: string;
  /** When its holder should have another one, in epoch milliseconds. */
  readonly renewAtMs: number;
}

export interface Retries {
  /** How long to wait before the next attempt; undefined once there have been as many as may be. */
  nextDelayMs(): number | undefined;
}
