import { RubotError } from '@rubot/errors';
import { toOpenAiError } from '@rubot/errors/to-openai';
import { createDeadline } from '@rubot/http/deadline';
import type { Logger } from '@rubot/logging';
import { type Span, startSpan } from '@rubot/logging/span';
import type { Agent } from '../agents/agent.ts';
import { findEligible } from '../agents/eligible.ts';
import type { ORCHESTRATOR_EVENTS } from '../events.ts';
import { backoffMs } from '../queue/backoff.ts';
import { beginRun } from './begin-run.ts';
import { type ExecuteRunDeps, executeRun } from './execute-run.ts';
import { isTransient } from './outcome.ts';
import type { Retries } from './run.ts';
import { RunMovedError } from './run-moved.ts';
import type { ClaimedRun } from './run-store.ts';
import { listSpendings, sumSpendings } from './spendings.ts';

export interface WorkOnRunDeps extends ExecuteRunDeps {
  readonly maxRetries: number;
  readonly logger: Logger<typeof ORCHESTRATOR_EVENTS>;
}

/** Takes a run from the queue to the end of an attempt, from its journal where it has one. It never throws. */
export async function workOnRun(claimed: ClaimedRun, deps: WorkOnRunDeps): Promise<void> {
  const span = startWorkSpan(claimed, deps);
  try {
    assertInTime(claimed);
    const eligible = findAgents(claimed, deps);
    const deadline = createDeadline({ timeoutMs: claimed.timeoutMs });
    const run = beginRun({
      accepted: claimed,
      writer: claimed.writer,
      deadline,
      span,
      gateway: deps.gateway,
      retries: toRetries(claimed, claimed.failureCount, deps.maxRetries),
    });
    await readToEnd(executeRun(run, eligible, deps));
    span.end();
  } catch (thrown) {
    if (thrown instanceof RunMovedError) return span.end();
    span.end({ error: thrown });
    if (thrown instanceof NotBegunError) await fail(claimed, thrown.reason, deps);
  }
}

/** Tries of a run that nobody waits for; whoever waits is told, and tries again if it will. */
export function toRetries(
  { isBackground }: { readonly isBackground: boolean },
  failureCount: number,
  maxRetries: number,
): Retries | undefined {
  if (!isBackground) return undefined;
  return { nextDelayMs: () => (failureCount < maxRetries ? backoffMs(failureCount) : undefined) };
}

/** The run has no outcome yet: nobody has begun to give it one. */
class NotBegunError extends Error {
  readonly reason: RubotError;

  constructor(cause: unknown) {
    super('the run was not begun', { cause });
    this.reason = RubotError.from(cause);
  }
}

/** Whoever waited for it does not any more. */
function assertInTime({ timeoutMs }: ClaimedRun): void {
  if (timeoutMs > 0) return;
  throw new NotBegunError(new RubotError('deadline_exceeded', 'The time of the run was over before it had a slot. Ask again later.'));
}

function findAgents({ allowedAgents, request }: ClaimedRun, { directory }: WorkOnRunDeps): readonly Agent[] {
  try {
    return findEligible(directory, allowedAgents, request.model);
  } catch (thrown) {
    throw new NotBegunError(thrown);
  }
}

function startWorkSpan({ runId, caller, traceId, spanId, writer, steps }: ClaimedRun, { logger }: WorkOnRunDeps): Span {
  const context = {
    tenant_id: caller.tenantId,
    chat_source_session_id: caller.sessionId,
    sender_id: caller.senderId,
    run_id: runId,
  };
  const name = `attempt ${writer.attempt}, ${steps.length} steps done`;
  return startSpan({ logger, traceId, parentSpanId: spanId, event: 'run.worked', name, kind: 'internal', context });
}

/** Its words go nowhere but into the store. */
async function readToEnd(answer: AsyncIterator<unknown>): Promise<void> {
  while ((await answer.next()).done !== true);
}

async function fail(claimed: ClaimedRun, reason: RubotError, { logger, maxRetries }: WorkOnRunDeps): Promise<void> {
  const { runId, writer, failureCount } = claimed;
  const error = toOpenAiError(reason).error;
  const retries = isTransient(reason) ? toRetries(claimed, failureCount, maxRetries) : undefined;
  const delayMs = retries?.nextDelayMs();
  try {
    if (delayMs !== undefined) return await writer.retryLater(delayMs, [{ type: 'retry', data: { reason: error } }]);
    const spendings = listSpendings(claimed);
    const outcome = { status: 'failed', slices: [], usage: sumSpendings(spendings), error } as const;
    await writer.finish({ ...outcome, spendings, freesKey: reason.retryable, isDeadLetter: retries !== undefined }, [
      { type: 'end', data: outcome },
    ]);
  } catch (thrown) {
    logger.log('run.left', { error: thrown }, { run_id: runId });
  }
}
