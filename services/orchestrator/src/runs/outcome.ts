import { addUsage, type PendingToolCall, type RubotReport, type SliceReport, type Usage } from '@rubot/contracts/chat-response';
import type { ErrorCode } from '@rubot/contracts/error';
import { RubotError } from '@rubot/errors';
import { toOpenAiError } from '@rubot/errors/to-openai';
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

/** What persons have to decide before the run goes on. */
export function findPendingCalls(outcomes: readonly SliceOutcome[]): readonly PendingToolCall[] {
  return outcomes.flatMap(({ pendingCalls }) => pendingCalls);
}

/** The most telling reason that an agent gave: of several, one that was cut short outweighs those that said all. */
export function toFinishReason(outcomes: readonly SliceOutcome[]): string {
  const reasons = outcomes.filter(({ status }) => status === 'completed').map(({ finishReason }) => finishReason);
  const reason = reasons.find((candidate) => candidate !== 'stop') ?? reasons[0];
  if (reason === undefined) throw new TypeError('a completed slice has a finish reason');
  return reason;
}

/** What the run failed of, or `undefined` when at least one slice completed or waits for a person. */
export function findFailure({ planner }: Plan, outcomes: readonly SliceOutcome[]): RubotError | undefined {
  const callIds = findPendingCalls(outcomes).map((call) => call.tool_call_id);
  if (new Set(callIds).size < callIds.length) return sharedId();
  if (outcomes.some(({ status }) => status === 'completed' || status === 'requires_action')) return undefined;
  const errors = outcomes.filter(({ status }) => status === 'failed').map(({ error }) => error);
  const [first] = errors;
  // A client that repeats the request repeats all of it: the planner's call, and whatever the other slices have done.
  const isRepeatable = planner === 'none' && errors.every((error) => error?.retryable === true);
  return first === undefined || isRepeatable ? first : first.toFinal();
}

/** A decision names a call by its id alone: it must not open two. */
function sharedId(): RubotError {
  return new RubotError('upstream_failed', 'Two agents wait for decisions on calls that bear one id. Ask again.');
}

const TRANSIENT_CODES: ReadonlySet<ErrorCode> = new Set([
  'request_timeout',
  'rate_limited',
  'upstream_failed',
  'stream_interrupted',
  'unavailable',
  'deadline_exceeded',
]);

/** Whether what failed may pass by itself, so that another attempt is worth its cost. A deadline that was our own does not. */
export function isTransient({ code, saidByPeer }: RubotError): boolean {
  return TRANSIENT_CODES.has(code) && (code !== 'deadline_exceeded' || saidByPeer);
}
