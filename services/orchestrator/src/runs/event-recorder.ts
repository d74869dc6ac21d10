import type { PendingToolCall } from '@rubot/contracts/chat-response';
import { RubotError } from '@rubot/errors';
import type { OpenAiErrorBody } from '@rubot/errors/to-openai';
import type { AnswerEnd, AnswerPart } from '../dispatch/answer.ts';
import type { StoredPlan } from '../planning/stored-plan.ts';
import { appendPart, toFinalChunk } from './chunk-events.ts';
import type { NewEvent, RunBatch, RunOutcome, RunStep, RunWriter } from './run-store.ts';

/** Keeps what happens in a run, in order, without holding up whoever waits for the words. */
export interface EventRecorder {
  readonly writer: RunWriter;
  /** Kept with the next write. */
  setPlan(plan: StoredPlan): void;
  /** Returns at once; written with what comes within the next moments. */
  add(part: AnswerPart): void;
  /** Resolves when the step, and all that was added before it, is committed. */
  addStep(step: RunStep): Promise<void>;
  /** Resolves when the run has its outcome. @throws whatever kept a write from being made */
  finish(outcome: RunOutcome, end: AnswerEnd | undefined): Promise<void>;
  /** Resolves when the run waits for decisions on these calls. @throws as `finish` */
  park(calls: readonly PendingToolCall[]): Promise<void>;
  /** Resolves when the run is back in the queue, to be tried again after a while. @throws as `finish` */
  retryLater(error: OpenAiErrorBody['error'], delayMs: number): Promise<void>;
  /** From now on nothing is written: the run is no longer ours, or is about to be somebody else's. */
  abandon(reason: RubotError): void;
}

export interface EventRecorderOptions {
  readonly writer: RunWriter;
  /** Called once, when a write has failed: what goes on unwritten would be done for nothing. */
  readonly onFailure: (error: RubotError) => void;
}

/** Words that come within this time are one event. */
const BATCH_MS = 50;

export function createEventRecorder({ writer, onFailure }: EventRecorderOptions): EventRecorder {
  let pending: NewEvent[] = [];
  let unwrittenPlan: StoredPlan | undefined;
  let failure: RubotError | undefined;
  let timer: NodeJS.Timeout | undefined;
  let writes: Promise<void> = Promise.resolve();

  /** One write after the other; the first that fails is the last. */
  function enqueue(write: () => Promise<void>): Promise<void> {
    writes = writes.then(async () => {
      if (failure !== undefined) throw failure;
      await write();
    });
    writes.catch(fail);
    return writes;
  }

  function fail(thrown: unknown): void {
    if (failure !== undefined) return;
    failure = RubotError.from(thrown);
    onFailure(failure);
  }

  function takePending(): readonly NewEvent[] {
    clearTimeout(timer);
    timer = undefined;
    const events = pending;
    pending = [];
    return events;
  }

  function takePlan(): StoredPlan | undefined {
    const plan = unwrittenPlan;
    unwrittenPlan = undefined;
    return plan;
  }

  function write(batch: RunBatch): Promise<void> {
    const plan = takePlan();
    return enqueue(() => writer.write({ ...batch, plan }));
  }

  return {
    writer,
    setPlan(plan) {
      unwrittenPlan = plan;
    },
    add(part) {
      appendPart(pending, part);
      timer ??= setTimeout(() => void write({ events: takePending() }).catch(fail), BATCH_MS);
    },
    addStep(step) {
      const { index, usage } = step.step;
      const event: NewEvent = { type: 'step', data: { slice_id: step.sliceId, agent_id: step.agentId, index, usage } };
      return write({ events: [...takePending(), event], step });
    },
    finish(outcome, end) {
      const { status, slices, usage, error = null } = outcome;
      const final: NewEvent[] = end === undefined ? [] : [toFinalChunk(end)];
      const events: NewEvent[] = [...takePending(), ...final, { type: 'end', data: { status, usage, slices, error } }];
      return enqueue(() => writer.finish(outcome, events));
    },
    park(calls) {
      const events: NewEvent[] = [...takePending(), { type: 'requires_action', data: { tool_calls: calls } }];
      return enqueue(() => writer.park(calls, events));
    },
    retryLater(error, delayMs) {
      const events: NewEvent[] = [...takePending(), { type: 'retry', data: { reason: error } }];
      const plan = takePlan();
      return enqueue(() => writer.retryLater(delayMs, events, plan));
    },
    abandon(reason) {
      failure ??= reason;
      takePending();
    },
  };
}
