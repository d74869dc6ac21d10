import type { StepEvent } from '@rubot/contracts/agent';
import type { SliceReport, Usage } from '@rubot/contracts/chat-response';
import type { ErrorCode } from '@rubot/contracts/error';

export interface NewRun {
  readonly runId: string;
  readonly tenantId: string;
  readonly sessionId: string;
  readonly senderId: string;
  readonly model: string;
}

/** One finished step of one slice. The messages in it are what the slice would be resumed from. */
export interface RunStep {
  readonly sliceId: string;
  readonly agentId: string;
  readonly step: StepEvent;
}

export interface RunOutcome {
  readonly status: 'completed' | 'partial' | 'failed' | 'cancelled';
  readonly slices: readonly SliceReport[];
  readonly usage: Usage;
  readonly errorCode: ErrorCode | undefined;
}

/** Where runs live. A promise that resolves means: written. */
export interface RunStore {
  /** @throws RubotError `conflict` when the run exists: one id is one run, whoever repeats the request */
  create(run: NewRun): Promise<void>;
  /** @throws RubotError `conflict` when the run has ended or was never created */
  appendStep(runId: string, step: RunStep): Promise<void>;
  /** Gives the run its one outcome. @throws RubotError `conflict` when it has one */
  finish(runId: string, outcome: RunOutcome): Promise<void>;
}
