import { NO_USAGE } from '@rubot/contracts/chat-response';
import { RubotError } from '@rubot/errors';
import { toOpenAiError } from '@rubot/errors/to-openai';
import { type SQL, sql } from 'drizzle-orm';
import type { IdempotencyKey, NewEvent, RunOutcome, RunOwner } from '../run-store.ts';
import type { Executor } from './database.ts';
import { insertEvents, setOutcome } from './fenced-update.ts';
import { keepKey } from './idempotency-keys.ts';
import { leaveSession, lockSession, type RememberedRun, type SessionKey } from './sessions.ts';
import { readSpent } from './spent.ts';
import { costOf, isOf, type StoreContext } from './store-context.ts';

/** How a run ends by another will than that of whoever works on it. */
interface Ending {
  readonly outcome: RunOutcome;
  /** Which of the open runs may be ended so. */
  readonly condition: SQL;
}

const CANCELLED: Ending = {
  outcome: { status: 'cancelled', slices: [], usage: NO_USAGE, error: undefined },
  condition: sql`finished_at IS NULL`,
};

const EXPIRED: Ending = {
  outcome: {
    status: 'failed',
    slices: [],
    usage: NO_USAGE,
    error: toOpenAiError(new RubotError('deadline_exceeded', 'The run still waited for a slot when its client gave up. Ask again later.'))
      .error,
  },
  // One that is worked on has the same time, and whoever works on it says what there is.
  condition: sql`status = 'queued'`,
};

/** Whoever has the run can write nothing more. Its ticket, where it has one, is dropped when its turn comes. */
export function cancelRun(
  context: StoreContext,
  runId: string,
  owner: RunOwner,
  idempotency: IdempotencyKey | undefined,
): Promise<boolean> {
  return endRun(context, runId, owner, CANCELLED, keepKey(idempotency, runId, owner));
}

/** Ends a run that has waited for as long as its client does. */
export function expireRun(context: StoreContext, runId: string, owner: RunOwner): Promise<boolean> {
  return endRun(context, runId, owner, EXPIRED);
}

async function endRun(context: StoreContext, runId: string, owner: RunOwner, ending: Ending, key?: SQL): Promise<boolean> {
  const { rows } = await context.db.execute<OpenRow>(sql`
    SELECT session_id, is_remembered, is_limited FROM runs WHERE run_id = ${runId} AND ${isOf(owner)} AND finished_at IS NULL`);
  const [open] = rows;
  if (open === undefined) return false;
  const hasEnded = open.is_remembered
    ? await endRemembered(context, { runId, tenantId: owner.tenantId, sessionId: open.session_id }, ending, key)
    : await endOpen(context, context.db, runId, ending, key);
  if (hasEnded && open.is_limited) await context.settle(runId);
  return hasEnded;
}

interface OpenRow extends Record<string, unknown> {
  readonly session_id: string;
  readonly is_remembered: boolean;
  readonly is_limited: boolean;
}

function endRemembered(context: StoreContext, run: RememberedRun, ending: Ending, key?: SQL): Promise<boolean> {
  return context.db.transaction(async (transaction) => {
    await lockSession(transaction, run);
    const hasEnded = await endOpen(context, transaction, run.runId, ending, key);
    if (hasEnded) await leaveSession(context, transaction, run);
    return hasEnded;
  });
}

/** All that is open in a session, whose row the transaction has; whose turn is next is the caller's to say. */
export async function cancelInSession(context: StoreContext, transaction: Executor, { tenantId, sessionId }: SessionKey): Promise<void> {
  const { rows } = await transaction.execute<{ run_id: string }>(sql`
    SELECT run_id FROM runs WHERE tenant_id = ${tenantId} AND session_id = ${sessionId} AND is_remembered AND finished_at IS NULL`);
  for (const { run_id: runId } of rows) {
    await endOpen(context, transaction, runId, CANCELLED);
    context.onWrite(runId);
  }
}

async function endOpen(
  context: StoreContext,
  executor: Executor,
  runId: string,
  { outcome, condition }: Ending,
  key: SQL = sql``,
): Promise<boolean> {
  const spent = { ...outcome, ...(await readSpent(executor, runId)) };
  const { status, slices, usage, error = null } = spent;
  const end: NewEvent = { type: 'end', data: { status, usage, slices, error } };
  const { rowCount } = await executor.execute(sql`
    WITH held AS (
      UPDATE runs SET ${setOutcome(spent, costOf(context, spent))}, last_seq = last_seq + 1
      WHERE run_id = ${runId} AND ${condition} RETURNING run_id, last_seq - 1 AS base
    )${key}
    ${insertEvents([end])}`);
  if (rowCount === 1) context.onEnded(status);
  return rowCount === 1;
}
