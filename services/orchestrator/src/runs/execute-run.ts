import { NO_USAGE, type Usage } from '@rubot/contracts/chat-response';
import { RubotError } from '@rubot/errors';
import { toOpenAiError } from '@rubot/errors/to-openai';
import type { Agent } from '../agents/agent.ts';
import type { Answer, AnswerEnd, AnswerPart } from '../dispatch/answer.ts';
import type { AgentClientOptions } from '../dispatch/call-agent.ts';
import { dispatch, type RunningSlice } from '../dispatch/dispatch.ts';
import { mergeSlices } from '../dispatch/merge.ts';
import { choosePlan, type PlanningDeps } from '../planning/choose-plan.ts';
import type { Plan } from '../planning/plan.ts';
import { restorePlan, storePlan } from '../planning/stored-plan.ts';
import type { ActiveRuns } from './active-runs.ts';
import { findFailure, sumUsage, toFinishReason, toReport, toRunStatus, toSliceReport } from './outcome.ts';
import type { Run } from './run.ts';

export interface ExecuteRunDeps extends PlanningDeps {
  readonly client: AgentClientOptions;
  readonly activeRuns: ActiveRuns;
}

/** How far a run has come; told in full even when it breaks off. */
interface Progress {
  planner: Plan['planner'] | undefined;
  planningUsage: Usage;
  running: readonly RunningSlice[];
  /** Stands when the answer is whole. */
  end: AnswerEnd | undefined;
  error: RubotError | undefined;
}

/** Plans, dispatches, merges, and gives the run its one outcome, however the answer ends. */
export async function* executeRun(run: Run, eligible: readonly Agent[], deps: ExecuteRunDeps): Answer {
  const progress: Progress = { planner: undefined, planningUsage: NO_USAGE, running: [], end: undefined, error: undefined };
  deps.activeRuns.enter(run);
  try {
    const chosen = run.plan === undefined ? await choosePlan(run, eligible, deps) : restorePlan(run.plan, deps.directory);
    run.recorder.setPlan(storePlan(chosen));
    const { plan, usage } = chosen;
    progress.planner = plan.planner;
    progress.planningUsage = usage;
    progress.running = dispatch(run, plan, deps);
    const outcomes = yield* record(mergeSlices(progress.running), run);
    // Whoever has left gets nothing; whoever has run out of time gets what there is.
    if (isCancelled(run)) throw run.deadline.signal.reason;
    const failure = findFailure(plan, outcomes);
    if (failure !== undefined) throw failure;
    progress.end = { finishReason: toFinishReason(outcomes), report: toReport(run, plan, outcomes), usage: sumUsage(usage, outcomes) };
    return progress.end;
  } catch (thrown) {
    progress.error = RubotError.from(thrown);
    throw progress.error;
  } finally {
    await close(run, progress).finally(() => deps.activeRuns.leave(run));
  }
}

async function* record<End>(
  parts: AsyncGenerator<AnswerPart, End, undefined>,
  { recorder }: Run,
): AsyncGenerator<AnswerPart, End, undefined> {
  let isOver = false;
  try {
    for (;;) {
      const { done, value } = await parts.next();
      isOver = done === true;
      if (done === true) return value;
      recorder.add(value);
      yield value;
    }
  } finally {
    // A reader that leaves ends the work, not only its reading.
    if (!isOver) await parts.return(undefined as never);
  }
}

function isCancelled({ deadline: { signal } }: Run): boolean {
  return signal.aborted && RubotError.is(signal.reason) && signal.reason.code === 'cancelled';
}

async function close(run: Run, { planner, planningUsage, running, end, error: known }: Progress): Promise<void> {
  const left = new RubotError('cancelled', 'The client closed the connection before the answer was complete.');
  const error = end === undefined ? (known ?? left) : undefined;
  // Stops whatever still runs; after a whole answer nothing does.
  if (error !== undefined) run.deadline.abort(error);
  run.deadline.clear();
  const outcomes = await Promise.all(running.map(({ outcome }) => outcome));
  const status = toRunStatus(outcomes, error);
  const usage = sumUsage(planningUsage, outcomes);
  try {
    const shownError = error === undefined ? undefined : toOpenAiError(error).error;
    await run.recorder.finish({ status, slices: outcomes.map(toSliceReport), usage, error: shownError }, end);
  } catch (unwritten) {
    run.span.log('run.left', { error: unwritten });
    // The answer is whole, but nobody could prove it later: then it may not pass for one.
    if (error === undefined) throw unwritten;
    return;
  }
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
