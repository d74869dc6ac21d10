import type { StepEvent } from '@rubot/contracts/agent';
import type { ChatRequest } from '@rubot/contracts/chat-request';
import type { PendingToolCall, SliceReport, Usage } from '@rubot/contracts/chat-response';
import type { ListRunsQuery, OpenStatus, RunEvent, RunEventType, RunResource, RunStatus } from '@rubot/contracts/runs';
import type { OpenAiErrorBody } from '@rubot/errors/to-openai';
import type { AllowedAgents } from '../agents/eligible.ts';
import type { StoredPlan } from '../planning/stored-plan.ts';
import type { Caller } from './run.ts';

export interface NewRun {
  readonly runId: string;
  readonly caller: Caller;
  readonly request: ChatRequest;
  readonly allowedAgents: AllowedAgents;
  readonly timeoutMs: number;
  readonly traceId: string;
  readonly spanId: string;
}

/** One finished step of one slice. The messages in it are what the slice is resumed from. */
export interface RunStep {
  readonly sliceId: string;
  readonly agentId: string;
  readonly step: StepEvent;
}

export interface RunOutcome {
  readonly status: Exclude<RunStatus, OpenStatus>;
  readonly slices: readonly SliceReport[];
  readonly usage: Usage;
  readonly error: OpenAiErrorBody['error'] | undefined;
}

export interface NewEvent {
  readonly type: RunEventType;
  readonly data: Readonly<Record<string, unknown>>;
}

/** What becomes visible at once or not at all. At least one event is in it. */
export interface RunBatch {
  readonly events: readonly NewEvent[];
  readonly plan?: StoredPlan | undefined;
  readonly step?: RunStep | undefined;
}

/** The right to write into a run, until another attempt takes it or the run ends. */
export interface RunWriter {
  readonly runId: string;
  readonly attempt: number;
  /** @throws RubotError `conflict` when the run is no longer this attempt's */
  write(batch: RunBatch): Promise<void>;
  /** Gives the run its one outcome, with its last events. @throws RubotError `conflict` as above */
  finish(outcome: RunOutcome, events: readonly NewEvent[]): Promise<void>;
  /** Lets the run wait for decisions on these calls; whoever takes it up again does so with a new attempt. @throws RubotError `conflict` as above */
  park(calls: readonly PendingToolCall[], events: readonly NewEvent[]): Promise<void>;
}

/** A run that was left by the process that had it, taken over by this one. */
export interface ClaimedRun extends NewRun {
  readonly writer: RunWriter;
  readonly crashCount: number;
  readonly plan: StoredPlan | undefined;
  readonly steps: readonly RunStep[];
}

/** Whose runs are asked for: a sender sees its own. */
export type RunOwner = Pick<Caller, 'tenantId' | 'senderId'>;

/** Where runs live. A promise that resolves means: committed. */
export interface RunStore {
  /** @throws RubotError `conflict` when the run exists: one id is one run, whoever repeats the request */
  create(run: NewRun): Promise<RunWriter>;
  find(runId: string, owner: RunOwner): Promise<RunResource | undefined>;
  list(query: ListRunsQuery, owner: RunOwner): Promise<readonly RunResource[]>;
  /** In order, from the one after `afterSeq`. */
  readEvents(runId: string, afterSeq: number, limit: number): Promise<readonly RunEvent[]>;
  /** Ends the run as cancelled, whoever has it. False when there is no such run that has not ended. */
  cancel(runId: string, owner: RunOwner, events: readonly NewEvent[]): Promise<boolean>;
  /** Extends what is held. @returns the ids that are no longer held */
  renew(held: readonly RunWriter[]): Promise<readonly string[]>;
  /** Gives back what is held, so that it can be taken at once. */
  handBack(held: readonly RunWriter[]): Promise<void>;
  claimLapsed(limit: number): Promise<readonly ClaimedRun[]>;
  /** @throws RubotError `unavailable` */
  checkReady(): Promise<void>;
  /** Resolves when something was written into the run by this process, or the time is over, or the signal aborts. */
  waitForWrite(runId: string, timeoutMs: number, signal: AbortSignal): Promise<void>;
}
