import { addUsage, NO_USAGE, type RubotReport, type SliceReport, type Usage } from '@rubot/contracts/chat-response';
import { RubotError } from '@rubot/errors';
import { toOpenAiError } from '@rubot/errors/to-openai';
import type { Agent } from '../agents/agent.ts';
import type { Answer } from '../dispatch/answer.ts';
import type { AgentClientOptions } from '../dispatch/call-agent.ts';
import { dispatch, type RunningSlice } from '../dispatch/dispatch.ts';
import { mergeSlices } from '../dispatch/merge.ts';
import type { SliceOutcome } from '../dispatch/slice.ts';
import { choosePlan, type PlanningDeps } from '../planning/choose-plan.ts';
import type { Plan } from '../planning/plan.ts';
import type { Run } from './run.ts';
import type { RunOutcome, RunStore } from './run-store.ts';

export interface ExecuteRunDeps extends PlanningDeps {
  readonly client: AgentClientOptions;
  readonly runs: RunStore;
}

/** What is known of a run so far; all of it is told even when the run breaks off. */
interface Progress {
  plan: Plan | undefined;
  planningUsage: Usage;
  running: readonly RunningSlice[];
  outcomes: readonly SliceOutcome[];
}

/** Plans, dispatches, merges, and gives the run its one outcome, however the answer ends. */
export async function* executeRun(run: Run, eligible: readonly Agent[], deps: ExecuteRunDeps): Answer {
  const progress: Progress = { plan: undefined, planningUsage: NO_USAGE, running: [], outcomes: [] };
  let error: RubotError | undefined = new RubotError('cancelled', 'The client closed the connection before the answer was complete.');
  try {
    const { plan, usage } = await choosePlan(run, eligible, deps);
    progress.plan = plan;
    progress.planningUsage = usage;
    progress.running = dispatch(run, plan, deps);
    progress.outcomes = yield* mergeSlices(progress.running);
    // Of several slices some may have ended before the client left; of a deadline that is a partial answer, of this nothing.
    if (isCancelled(run)) throw run.deadline.signal.reason;
    error = undefined;
    return {
      finishReason: toFinishReason(progress.outcomes),
      report: toReport(run, plan, progress.outcomes),
      usage: sumUsage(progress),
    };
  } catch (thrown) {
    error = RubotError.from(run.deadline.signal.aborted ? run.deadline.signal.reason : thrown);
    throw error;
  } finally {
    await close(run, progress, error, deps.runs);
  }
}

async function close(run: Run, progress: Progress, error: RubotError | undefined, runs: RunStore): Promise<void> {
  // Stops whatever still runs; after a whole answer nothing does.
  if (error !== undefined) run.deadline.abort(error);
  run.deadline.clear();
  const outcomes = await Promise.all(progress.running.map(({ outcome }) => outcome));
  const usage = sumUsage({ ...progress, outcomes });
  const status = toStatus(outcomes, error);
  await runs.finish(run.id, { status, slices: outcomes.map(toSliceReport), usage, errorCode: error?.code });
  run.span.log('run.completed', {
    ...(error === undefined ? {} : { error }),
    extra: {
      status,
      planner: progress.plan?.planner,
      slice_count: outcomes.length,
      input_tokens: usage.prompt_tokens,
      output_tokens: usage.completion_tokens,
    },
  });
}

function isCancelled({ deadline: { signal } }: Run): boolean {
  return signal.aborted && RubotError.is(signal.reason) && signal.reason.code === 'cancelled';
}

function toStatus(outcomes: readonly SliceOutcome[], error: RubotError | undefined): RunOutcome['status'] {
  if (error !== undefined) return error.code === 'cancelled' ? 'cancelled' : 'failed';
  return outcomes.every((outcome) => outcome.status === 'completed') ? 'completed' : 'partial';
}

function sumUsage({ planningUsage, outcomes }: Pick<Progress, 'planningUsage' | 'outcomes'>): Usage {
  return outcomes.reduce((total, { usage }) => addUsage(total, usage), planningUsage);
}

function toReport(run: Run, { planner }: Plan, outcomes: readonly SliceOutcome[]): RubotReport {
  return { run_id: run.id, status: toStatus(outcomes, undefined), planner, slices: outcomes.map(toSliceReport) };
}

function toSliceReport({ slice, status, error }: SliceOutcome): SliceReport {
  return { slice_id: slice.id, agent_id: slice.agent.id, status, ...(error === undefined ? {} : toOpenAiError(error)) };
}

/** The most telling reason that an agent gave: of several, one that was cut short outweighs those that said all. */
function toFinishReason(outcomes: readonly SliceOutcome[]): string {
  const reasons = outcomes.filter(({ status }) => status === 'completed').map(({ finishReason }) => finishReason);
  const reason = reasons.find((candidate) => candidate !== 'stop') ?? reasons[0];
  if (reason === undefined) throw new TypeError('a completed slice has a finish reason');
  return reason;
}
