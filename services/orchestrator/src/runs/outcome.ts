import { addUsage, type RubotReport, type SliceReport, type Usage } from '@rubot/contracts/chat-response';
import type { RubotError } from '@rubot/errors';
import { toOpenAiError } from '@rubot/errors/to-openai';
import { toFinalError } from '../dispatch/final-error.ts';
import type { SliceOutcome } from '../dispatch/slice.ts';
import type { Plan } from '../planning/plan.ts';
import type { Run } from './run.ts';
import type { RunOutcome } from './run-store.ts';

export function toRunStatus(outcomes: readonly SliceOutcome[], error: RubotError | undefined): RunOutcome['status'] {
  if (error !== undefined) return error.code === 'cancelled' ? 'cancelled' : 'failed';
  return outcomes.every((outcome) => outcome.status === 'completed') ? 'completed' : 'partial';
}

export function toReport(run: Run, { planner }: Plan, outcomes: readonly SliceOutcome[]): RubotReport {
  return { run_id: run.id, status: toRunStatus(outcomes, undefined), planner, slices: outcomes.map(toSliceReport) };
}

export function toSliceReport({ slice, status, error }: SliceOutcome): SliceReport {
  return { slice_id: slice.id, agent_id: slice.agent.id, status, ...(error === undefined ? {} : toOpenAiError(error)) };
}

export function sumUsage(planningUsage: Usage, outcomes: readonly SliceOutcome[]): Usage {
  return outcomes.reduce((total, { usage }) => addUsage(total, usage), planningUsage);
}

/** The most telling reason that an agent gave: of several, one that was cut short outweighs those that said all. */
export function toFinishReason(outcomes: readonly SliceOutcome[]): string {
  const reasons = outcomes.filter(({ status }) => status === 'completed').map(({ finishReason }) => finishReason);
  const reason = reasons.find((candidate) => candidate !== 'stop') ?? reasons[0];
  if (reason === undefined) throw new TypeError('a completed slice has a finish reason');
  return reason;
}

/** What the run failed of, or `undefined` when at least one slice completed. */
export function findFailure({ planner }: Plan, outcomes: readonly SliceOutcome[]): RubotError | undefined {
  if (outcomes.some(({ status }) => status === 'completed')) return undefined;
  const errors = outcomes.filter(({ status }) => status === 'failed').map(({ error }) => error);
  const [first] = errors;
  // A client that repeats the request repeats all of it: the planner's call, and whatever the other slices have done.
  const isRepeatable = planner === 'none' && errors.every((error) => error?.retryable === true);
  return first === undefined || isRepeatable ? first : toFinalError(first);
}
