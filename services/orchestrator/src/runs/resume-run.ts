import { NO_USAGE } from '@rubot/contracts/chat-response';
import { RubotError } from '@rubot/errors';
import { toOpenAiError } from '@rubot/errors/to-openai';
import { createDeadline } from '@rubot/http/deadline';
import type { Logger } from '@rubot/logging';
import { type Span, startSpan } from '@rubot/logging/span';
import type { Agent } from '../agents/agent.ts';
import { findEligible } from '../agents/eligible.ts';
import type { ORCHESTRATOR_EVENTS } from '../events.ts';
import { beginRun } from './begin-run.ts';
import { type ExecuteRunDeps, executeRun } from './execute-run.ts';
import type { ClaimedRun } from './run-store.ts';

export interface ResumeRunDeps extends ExecuteRunDeps {
  readonly logger: Logger<typeof ORCHESTRATOR_EVENTS>;
}

/** A run under which this many processes have died is taken for the reason of it. */
const MAX_CRASHES = 3;

/** Goes on with a run that its process has left, from its journal, to its one outcome. It never throws. */
export async function resumeRun(claimed: ClaimedRun, deps: ResumeRunDeps): Promise<void> {
  const span = startResumeSpan(claimed, deps);
  try {
    const eligible = findAgents(claimed, deps);
    const deadline = createDeadline({ timeoutMs: claimed.timeoutMs });
    await readToEnd(executeRun(beginRun({ accepted: claimed, writer: claimed.writer, deadline, span }), eligible, deps));
    span.end();
  } catch (thrown) {
    span.end({ error: thrown });
    if (thrown instanceof NotBegunError) await fail(claimed, thrown.reason, deps);
  }
}

/** The run has no outcome yet: nobody has begun to give it one. */
class NotBegunError extends Error {
  readonly reason: RubotError;

  constructor(cause: unknown) {
    super('the run was not begun again', { cause });
    this.reason = RubotError.from(cause);
  }
}

function findAgents(claimed: ClaimedRun, { directory }: ResumeRunDeps): readonly Agent[] {
  try {
    if (claimed.crashCount >= MAX_CRASHES) throw crashedTooOften(claimed);
    return findEligible(directory, claimed.allowedAgents, claimed.request.model);
  } catch (thrown) {
    throw new NotBegunError(thrown);
  }
}

function startResumeSpan({ runId, caller, traceId, spanId, writer, steps }: ClaimedRun, { logger }: ResumeRunDeps): Span {
  const context = {
    tenant_id: caller.tenantId,
    chat_source_session_id: caller.sessionId,
    sender_id: caller.senderId,
    run_id: runId,
  };
  const name = `resume, attempt ${writer.attempt}, ${steps.length} steps done`;
  return startSpan({ logger, traceId, parentSpanId: spanId, event: 'run.resumed', name, kind: 'internal', context });
}

/** Its words go nowhere but into the store. */
async function readToEnd(answer: AsyncIterator<unknown>): Promise<void> {
  while ((await answer.next()).done !== true);
}

async function fail({ runId, writer }: ClaimedRun, reason: RubotError, { logger }: ResumeRunDeps): Promise<void> {
  const outcome = { status: 'failed', slices: [], usage: NO_USAGE, error: toOpenAiError(reason).error } as const;
  try {
    await writer.finish(outcome, [{ type: 'end', data: outcome }]);
  } catch (thrown) {
    logger.log('run.left', { error: thrown }, { run_id: runId });
  }
}

function crashedTooOften({ runId, crashCount }: ClaimedRun): RubotError {
  return new RubotError(
    'run_crashed',
    `The run ${runId} was given up: ${crashCount} processes in a row died while they worked on it. Report it with the run id.`,
  );
}
