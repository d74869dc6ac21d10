import { NO_USAGE, type Usage } from '@rubot/contracts/chat-response';
import { RubotError } from '@rubot/errors';
import type { Agent } from '../agents/agent.ts';
import type { Answer } from '../dispatch/answer.ts';
import type { AgentClientOptions } from '../dispatch/call-agent.ts';
import { dispatch, type RunningSlice } from '../dispatch/dispatch.ts';
import { mergeSlices } from '../dispatch/merge.ts';
import { choosePlan, type PlanningDeps } from '../planning/choose-plan.ts';
import type { Plan } from '../planning/plan.ts';
import { findFailure, sumUsage, toFinishReason, toReport, toRunStatus, toSliceReport } from './outcome.ts';
import type { Run } from './run.ts';
import type { RunStore } from './run-store.ts';

export interface ExecuteRunDeps extends PlanningDeps {
  readonly client: AgentClientOptions;
  readonly runs: RunStore;
}

/** How far a run has come; told in full even when it breaks off. */
interface Progress {
  planner: Plan['planner'] | undefined;
  planningUsage: Usage;
  running: readonly RunningSlice[];
}

/** Plans, dispatches, merges, and gives the run its one outcome, however the answer ends. */
export async function* executeRun(run: Run, eligible: readonly Agent[], deps: ExecuteRunDeps): Answer {
  const progress: Progress = { planner: undefined, planningUsage: NO_USAGE, running: [] };
  let error: RubotError | undefined = new RubotError('cancelled', 'The client closed the connection before the answer was complete.');
  try {
    const { plan, usage } = await choosePlan(run, eligible, deps);
    progress.planner = plan.planner;
    progress.planningUsage = usage;
    progress.running = dispatch(run, plan, deps);
    const outcomes = yield* mergeSlices(progress.running);
    // Whoever has left gets nothing; whoever has run out of time gets what there is.
    if (isCancelled(run)) throw run.deadline.signal.reason;
    const failure = findFailure(plan, outcomes);
    if (failure !== undefined) throw failure;
    error = undefined;
    return { finishReason: toFinishReason(outcomes), report: toReport(run, plan, outcomes), usage: sumUsage(usage, outcomes) };
  } catch (thrown) {
    error = RubotError.from(thrown);
    throw error;
  } finally {
    await close(run, progress, error, deps.runs);
  }
}

function isCancelled({ deadline: { signal } }: Run): boolean {
  return signal.aborted && RubotError.is(signal.reason) && signal.reason.code === 'cancelled';
}

async function close(run: Run, progress: Progress, error: RubotError | undefined, runs: RunStore): Promise<void> {
  // Stops whatever still runs; after a whole answer nothing does.
  if (error !== undefined) run.deadline.abort(error);
  run.deadline.clear();
  const outcomes = await Promise.all(progress.running.map(({ outcome }) => outcome));
  const status = toRunStatus(outcomes, error);
  const usage = sumUsage(progress.planningUsage, outcomes);
  await runs.finish(run.id, { status, slices: outcomes.map(toSliceReport), usage, errorCode: error?.code });
  run.span.log('run.completed', {
    ...(error === undefined ? {} : { error }),
    extra: {
      status,
      planner: progress.planner,
      slice_count: outcomes.length,
      input_tokens: usage.prompt_tokens,
      output_tokens: usage.completion_tokens,
    },
  });
}
