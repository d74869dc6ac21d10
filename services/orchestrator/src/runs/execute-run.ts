import { NO_USAGE } from '@rubot/contracts/chat-response';
import { RubotError } from '@rubot/errors';
import type { Agent } from '../agents/agent.ts';
import type { GatewayClient } from '../clients/gateway.ts';
import { type Answer, type AnswerEnd, type AnswerPart, saysSomething } from '../dispatch/answer.ts';
import { type ApprovalEnd, toApprovalEnd } from '../dispatch/approval-notice.ts';
import type { AgentClientOptions } from '../dispatch/call-agent.ts';
import { dispatch } from '../dispatch/dispatch.ts';
import { mergeSlices } from '../dispatch/merge.ts';
import type { SliceOutcome } from '../dispatch/slice.ts';
import { type ChosenPlan, choosePlan, type PlanningDeps } from '../planning/choose-plan.ts';
import { restorePlan, storePlan } from '../planning/stored-plan.ts';
import type { ActiveRuns } from './active-runs.ts';
import { closeRun, type Progress } from './close-run.ts';
import { findFailure, findPendingCalls, sumUsage, toFinishReason, toReport, toSliceReport } from './outcome.ts';
import type { Run } from './run.ts';
import { RunMovedError } from './run-moved.ts';

export interface ExecuteRunDeps extends PlanningDeps {
  readonly client: AgentClientOptions;
  readonly gateway: GatewayClient | undefined;
  readonly activeRuns: ActiveRuns;
  /** Sees that the run is where its agents can be had. @throws RunMovedError when it was put back into the queue instead */
  readonly settle: (run: Run, chosen: ChosenPlan) => Promise<void>;
}

/**
 * Plans, dispatches, merges; and leaves the run with its outcome, waiting for a person, or in the queue, however the answer ends.
 *
 * @throws RunMovedError before the first part, where the answer is given elsewhere
 */
export async function* executeRun(run: Run, eligible: readonly Agent[], deps: ExecuteRunDeps): Answer {
  const progress = beginProgress();
  let approval: ApprovalEnd | undefined;
  deps.activeRuns.enter(run);
  try {
    const chosen = run.plan === undefined ? await choosePlan(run, eligible, deps) : restorePlan(run.plan, deps.directory);
    progress.planner = chosen.plan.planner;
    progress.planningUsage = chosen.usage;
    await deps.settle(run, chosen);
    run.recorder.setPlan(storePlan(chosen));
    progress.running = dispatch(run, chosen.plan, deps);
    const outcomes = yield* record(mergeSlices(progress.running), run, progress);
    assertNotStopped(run);
    const failure = findFailure(chosen.plan, outcomes);
    if (failure !== undefined) throw failure;
    approval = toApproval(run, chosen, outcomes);
    progress.end = approval?.end ?? toEnd(run, chosen, outcomes);
  } catch (thrown) {
    progress.failure = toFailure(run, thrown);
  } finally {
    await closeRun(run, progress).finally(() => deps.activeRuns.leave(run));
    if (progress.isStoreAway) deps.activeRuns.giveBackLater(run);
  }
  const { failure, end } = progress;
  if (failure !== undefined) throw failure;
  if (end === undefined) throw new TypeError('a run that did not fail has an end');
  // No part of the answer, which goes on behind what was recorded.
  if (approval !== undefined) yield* approval.parts;
  return end;
}

function beginProgress(): Progress {
  return {
    planner: undefined,
    planningUsage: NO_USAGE,
    running: [],
    hasSpoken: false,
    end: undefined,
    failure: undefined,
    isStoreAway: false,
  };
}

async function* record<End>(
  parts: AsyncGenerator<AnswerPart, End, undefined>,
  { recorder }: Run,
  progress: Progress,
): AsyncGenerator<AnswerPart, End, undefined> {
  let isOver = false;
  try {
    for (;;) {
      const { done, value } = await parts.next();
      isOver = done === true;
      if (done === true) return value;
      recorder.add(value);
      progress.hasSpoken ||= saysSomething(value);
      yield value;
    }
  } finally {
    // A reader that leaves ends the work, not only its reading.
    if (!isOver) await parts.return(undefined as never);
  }
}

/** Whoever has run out of time gets what there is; whatever else has stopped the work leaves nothing to give. */
function assertNotStopped({ deadline: { signal } }: Run): void {
  if (signal.aborted && RubotError.from(signal.reason).code !== 'deadline_exceeded') throw signal.reason;
}

function toApproval(run: Run, { plan, usage }: ChosenPlan, outcomes: readonly SliceOutcome[]): ApprovalEnd | undefined {
  const calls = findPendingCalls(outcomes);
  if (calls.length === 0) return undefined;
  return toApprovalEnd(run.id, calls, {
    hasSpoken: outcomes.some(({ text }) => text !== ''),
    usage: sumUsage(usage, outcomes),
    report: { planner: plan.planner, slices: outcomes.map(toSliceReport) },
  });
}

function toEnd(run: Run, { plan, usage }: ChosenPlan, outcomes: readonly SliceOutcome[]): AnswerEnd {
  return { finishReason: toFinishReason(outcomes), report: toReport(run, plan, outcomes), usage: sumUsage(usage, outcomes) };
}

/** What stopped the run from without lets it go on elsewhere, or has ended it: to ask again would begin another one. */
function toFailure({ deadline }: Run, thrown: unknown): RubotError | RunMovedError {
  if (thrown instanceof RunMovedError) return thrown;
  const error = RubotError.from(thrown);
  return deadline.signal.aborted ? error.toFinal() : error;
}
