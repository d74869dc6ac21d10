import type { CallDecisions, SlotType, StepEvent } from '@rubot/contracts/agent';
import type { ChatMessage, ChatRequest } from '@rubot/contracts/chat-request';
import type { PendingToolCall, SliceReport, Usage } from '@rubot/contracts/chat-response';
import type { DeadLetter, ListDeadLettersQuery } from '@rubot/contracts/dead-letters';
import type {
  ApprovalDecision,
  ListRunsQuery,
  OpenStatus,
  Priority,
  RunEvent,
  RunEventType,
  RunResource,
  RunStatus,
  SessionStrategy,
} from '@rubot/contracts/runs';
import type { OpenAiErrorBody } from '@rubot/errors/to-openai';
import type { AllowedAgents } from '../agents/eligible.ts';
import type { Spending } from '../limits/prices.ts';
import type { StoredPlan } from '../planning/stored-plan.ts';
import type { Caller } from './run.ts';

export interface NewRun {
  readonly runId: string;
  readonly caller: Caller;
  /** With which a fresh data bearer can be had; absent where the gateway gave none. */
  readonly bearerGrant: string | undefined;
  readonly request: ChatRequest;
  readonly allowedAgents: AllowedAgents;
  /** How long it may take: in the background each attempt, otherwise all of it, waiting included. */
  readonly timeoutMs: number;
  /** True where nobody's leaving ends it. Such a run is tried again when an attempt fails of something that may pass. */
  readonly isBackground: boolean;
  readonly priority: Priority;
  readonly slotType: SlotType;
  readonly traceId: string;
  readonly spanId: string;
  /** True where something was reserved for it (`limits/reservations.ts`); it is let in with its reservation, or not at all. */
  readonly isLimited: boolean;
}

/** A request for a run, and how it is to be let in. */
export interface Admission {
  readonly run: NewRun;
  /** True when a slot is held for it, so that it may be begun at once. */
  readonly mayBegin: boolean;
  readonly idempotency: IdempotencyKey | undefined;
  /** Set where the session is remembered: what to do when it is being answered already. */
  readonly session: SessionStrategy | undefined;
}

export interface IdempotencyKey {
  readonly key: string;
  /** Of the request: another one under the same key is refused. */
  readonly fingerprint: string;
}

export type Admitted =
  /** `earlier`: what was said in its session before. */
  | { readonly status: 'begun'; readonly writer: RunWriter; readonly earlier: readonly ChatMessage[] }
  | { readonly status: 'queued'; readonly createdAtSeconds: number }
  /** The request was made before, and began this run. */
  | ({ readonly status: 'known' } & KnownRun);

/** A run that an earlier request has begun. */
export interface KnownRun {
  readonly runId: string;
  /** Undefined where the run is not kept any more. */
  readonly createdAtSeconds: number | undefined;
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
  /** The same by who used it; absent where nobody knows. */
  readonly spendings?: readonly Spending[];
  readonly error: OpenAiErrorBody['error'] | undefined;
  /** Nothing was begun, so that the same request may be made again under its key. */
  readonly freesKey?: boolean;
  /** It was tried as often as may be: what is needed to try it again is kept for an operator. */
  readonly isDeadLetter?: boolean;
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
  /**
   * Lets the run wait for decisions on these calls; it is then taken up again by a new attempt, for which nobody waits.
   *
   * @throws RubotError `conflict` as above
   */
  park(calls: readonly PendingToolCall[], events: readonly NewEvent[]): Promise<void>;
  /** Puts the run back into the queue, to be had after a while, as one failure more. @throws RubotError `conflict` as above */
  retryLater(delayMs: number, events: readonly NewEvent[], plan?: StoredPlan): Promise<void>;
  /** Puts the run back into the queue, of another type maybe, as no failure at all. @throws RubotError `conflict` as above */
  moveTo(slotType: SlotType, delayMs: number, plan: StoredPlan): Promise<void>;
  /**
   * Says which agents the run occupies, if none of them is at its limit.
   *
   * @returns the ids of those that are; then nothing is occupied. @throws RubotError `conflict` as above
   */
  occupy(agentIds: readonly string[], limits: ReadonlyMap<string, number>): Promise<readonly string[]>;
}

/** A run out of the queue: a new one, or one that an earlier attempt has left. */
export interface ClaimedRun extends NewRun {
  readonly writer: RunWriter;
  /** Since it was accepted. */
  readonly ageMs: number;
  /** For a slot, this time. */
  readonly waitedMs: number;
  readonly failureCount: number;
  readonly plan: StoredPlan | undefined;
  readonly steps: readonly RunStep[];
  readonly decisions: CallDecisions;
  readonly earlier: readonly ChatMessage[];
}

/** Whose runs are asked for: a sender sees its own. */
export type RunOwner = Pick<Caller, 'tenantId' | 'senderId'>;

export interface Approval {
  readonly runId: string;
  readonly toolCallId: string;
  readonly decision: ApprovalDecision;
  /** The rights that the run goes on with: those of whoever decided. */
  readonly dataBearer: string;
  readonly bearerGrant: string | undefined;
}

/** What was found of runs whose processes have gone silent. */
export interface SweepReport {
  /** Back in the queue. */
  readonly requeued: readonly string[];
  /** Given up: too many processes have died under them. */
  readonly buried: readonly string[];
}

/** Where runs live. A promise that resolves means: committed. */
export interface RunStore {
  /**
   * @throws RubotError `rate_limited` when too many runs of the tenant wait; `idempotency_mismatch`; `conflict` when the run
   * exists, as one id is one run, or when its session is being answered and shall not be disturbed; `unavailable` when what was
   * reserved for it is gone
   */
  admit(admission: Admission): Promise<Admitted>;
  /** Takes up to so many runs out of the queue, the first in line first. Any number of processes may try at once: each run goes to one. */
  claimQueued(slotType: SlotType, limit: number): Promise<readonly ClaimedRun[]>;
  find(runId: string, owner: RunOwner): Promise<RunResource | undefined>;
  list(query: ListRunsQuery, owner: RunOwner): Promise<readonly RunResource[]>;
  /** The owner's runs of one trace, the newest so many of them, oldest first. */
  listOfTrace(traceId: string, limit: number, owner: RunOwner): Promise<readonly RunResource[]>;
  /** In order, from the one after `afterSeq`. */
  readEvents(runId: string, afterSeq: number, limit: number): Promise<readonly RunEvent[]>;
  /** Number of the newest event of this type, or 0. */
  findLastSeq(runId: string, type: RunEventType): Promise<number>;
  /** Ends the run as cancelled, whoever has it, and keeps the key with it. False when there is no such run that has not ended. */
  cancel(runId: string, owner: RunOwner, idempotency: IdempotencyKey | undefined): Promise<boolean>;
  /** Ends the run as out of time, if it waits in the queue. False when it does not. */
  expire(runId: string, owner: RunOwner): Promise<boolean>;
  /** @throws RubotError `not_found` when the run has no such call; `conflict` when it was decided, or nobody waits for it */
  decide(approval: Approval, owner: RunOwner, idempotency: IdempotencyKey | undefined): Promise<void>;
  /** The run that a request under this key began. @throws RubotError `idempotency_mismatch` */
  findByKey(idempotency: IdempotencyKey, owner: RunOwner): Promise<KnownRun | undefined>;
  /** Extends what is held. @returns the ids that are no longer held */
  renew(held: readonly RunWriter[]): Promise<readonly string[]>;
  /** @returns the ids that are no longer held */
  findLost(held: readonly RunWriter[]): Promise<readonly string[]>;
  /** Puts what is held back into the queue, as no failure of anybody. */
  handBack(held: readonly RunWriter[]): Promise<void>;
  /** Puts runs back into the queue whose holders have been silent for too long. */
  requeueLapsed(limit: number): Promise<SweepReport>;
  /** Of all tenants, the newest runs first. */
  listDeadLetters(query: ListDeadLettersQuery): Promise<readonly DeadLetter[]>;
  /**
   * Puts a dead letter back into the queue, as the run that it is.
   *
   * @throws RubotError `not_found`; `conflict` for a run that is no dead letter, or has no rights left, or whose session is being answered
   */
  redrive(runId: string): Promise<void>;
  /** @throws RubotError `unavailable` */
  checkReady(): Promise<void>;
  /** Resolves when something was written into the run, or the time is over, or the signal aborts. */
  waitForWrite(runId: string, timeoutMs: number, signal: AbortSignal): Promise<void>;
}
