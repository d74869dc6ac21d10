import type { Usage } from '@rubot/contracts/chat-response';
import { RubotError } from '@rubot/errors';
import { toOpenAiError } from '@rubot/errors/to-openai';
import type { AnswerEnd } from '../dispatch/answer.ts';
import type { RunningSlice } from '../dispatch/dispatch.ts';
import type { SliceOutcome } from '../dispatch/slice.ts';
import { PLANNER } from '../limits/prices.ts';
import type { Plan } from '../planning/plan.ts';
import { findPendingCalls, isTransient, sumUsage, toRunStatus, toSliceReport } from './outcome.ts';
import type { Run } from './run.ts';
import { RunMovedError } from './run-moved.ts';

/** How far a run has come; told in full even when it breaks off. */
export interface Progress {
  planner: Plan['planner'] | undefined;
  planningUsage: Usage;
  running: readonly RunningSlice[];
  /** Whether anything of the answer was given out. */
  hasSpoken: boolean;
  /** Stands when the answer is whole, or as whole as it can be before a person has decided. */
  end: AnswerEnd | undefined;
  failure: RubotError | RunMovedError | undefined;
  /** Set where the end could not be written down because the store was away. */
  isStoreAway: boolean;
}

/**
 * Leaves the run with its one outcome, waiting for a person, or in the queue for another attempt. Where it goes on, the failure
 * becomes a RunMovedError, or after the first word one that must not be answered by the same request again; so where nobody could write down that it does not.
 */
export async function closeRun(run: Run, progress: Progress): Promise<void> {
  const { end, failure } = progress;
  if (failure instanceof RunMovedError) return giveUp(run);
  const left = new RubotError('cancelled', 'The client closed the connection before the answer was complete.');
  const error = end === undefined ? (failure ?? left) : undefined;
  const mayPass = error !== undefined && isTransient(error) && !isOutOfTime(run, error);
  // Stops whatever still runs; after a whole answer nothing does.
  if (error !== undefined) run.deadline.abort(error);
  run.deadline.clear();
  const outcomes = await Promise.all(progress.running.map(({ outcome }) => outcome));
  try {
    const isOver = await settle(run, progress, outcomes, error, mayPass);
    // Whoever has heard nothing yet can wait for the next attempt; whoever has can read on, but not ask again.
    if (failure !== undefined && !isOver) progress.failure = progress.hasSpoken ? failure.toFinal() : new RunMovedError();
  } catch (unwritten) {
    run.span.log('run.left', { error: unwritten });
    // An answer may be whole; but if nobody could prove it later, it may not pass for one.
    progress.failure = (failure ?? RubotError.from(unwritten)).toFinal();
    progress.isStoreAway = RubotError.from(unwritten).code === 'unavailable';
  }
}

function giveUp({ id, recorder, deadline }: Run): void {
  recorder.abandon(new RubotError('conflict', `The run ${id} goes on elsewhere. Read it at /v1/runs/${id}/events.`));
  deadline.clear();
}

/** Agents are granted what is left of the run's time, so one that says that it is over may be a little ahead of our own clock. */
const OUT_OF_TIME_MS = 1_000;

function isOutOfTime({ deadline }: Run, { code }: RubotError): boolean {
  return code === 'deadline_exceeded' && deadline.remainingMs() < OUT_OF_TIME_MS;
}

/** @returns false where the run goes on later */
async function settle(
  run: Run,
  progress: Progress,
  outcomes: readonly SliceOutcome[],
  error: RubotError | undefined,
  mayPass: boolean,
): Promise<boolean> {
  if (error === undefined && findPendingCalls(outcomes).length > 0) {
    await park(run, outcomes);
    return false;
  }
  const delayMs = mayPass ? run.retries?.nextDelayMs() : undefined;
  if (error !== undefined && delayMs !== undefined) {
    await retry(run, error, delayMs);
    return false;
  }
  await finish(run, progress, outcomes, error, mayPass);
  return true;
}

async function park(run: Run, outcomes: readonly SliceOutcome[]): Promise<void> {
  const calls = findPendingCalls(outcomes);
  await run.recorder.park(calls);
  run.span.log('run.parked', { extra: { tools: calls.map(({ name }) => name), slice_count: outcomes.length } });
}

async function retry(run: Run, error: RubotError, delayMs: number): Promise<void> {
  await run.recorder.retryLater(toOpenAiError(error).error, delayMs);
  run.span.log('run.retried', { error, extra: { delay_ms: delayMs } });
}

async function finish(
  run: Run,
  { planner, planningUsage, end }: Progress,
  outcomes: readonly SliceOutcome[],
  error: RubotError | undefined,
  mayPass: boolean,
): Promise<void> {
  const status = toRunStatus(outcomes, error);
  const usage = sumUsage(planningUsage, outcomes);
  const isDeadLetter = mayPass && run.retries !== undefined;
  await run.recorder.finish(
    {
      status,
      slices: outcomes.map(toSliceReport),
      usage,
      spendings: [
        { by: PLANNER, usage: planningUsage },
        ...outcomes.map((outcome) => ({ by: outcome.slice.agent.id, usage: outcome.usage })),
      ],
      error: error === undefined ? undefined : toOpenAiError(error).error,
      // What an operator may have tried again must not be begun anew beside it.
      freesKey: error?.retryable === true && !isDeadLetter,
      isDeadLetter,
    },
    end,
  );
  run.span.log('run.completed', {
    ...(error === undefined ? {} : { error }),
    extra: {
      status,
      planner,
      slice_count: outcomes.length,
      input_tokens: usage.prompt_tokens,
      output_tokens: usage.completion_tokens,
    },
  });
}
