import { NO_USAGE } from '@rubot/contracts/chat-response';
import { type SQL, sql } from 'drizzle-orm';
import type { IdempotencyKey, NewEvent, RunOutcome, RunOwner } from '../run-store.ts';
import type { Executor } from './database.ts';
import { insertEvents, setOutcome } from './fenced-update.ts';
import { keepKey } from './idempotency-keys.ts';
import { leaveSession, lockSession, type SessionKey } from './sessions.ts';
import { isOf, type StoreContext } from './store-context.ts';

const CANCELLED: RunOutcome = { status: 'cancelled', slices: [], usage: NO_USAGE, error: undefined };
const END: NewEvent = { type: 'end', data: { status: 'cancelled', usage: NO_USAGE, slices: [], error: null } };

/** Whoever has the run can write nothing more. Its ticket, where it has one, is dropped when its turn comes. */
export async function cancelRun(
  context: StoreContext,
  runId: string,
  owner: RunOwner,
  idempotency: IdempotencyKey | undefined,
): Promise<boolean> {
  const { rows } = await context.db.execute<{ session_id: string; is_remembered: boolean }>(sql`
    SELECT session_id, is_remembered FROM runs WHERE run_id = ${runId} AND ${isOf(owner)} AND finished_at IS NULL`);
  const [open] = rows;
  if (open === undefined) return false;
  const key = keepKey(idempotency, runId, owner);
  if (!open.is_remembered) return cancelOpen(context, context.db, runId, key);
  const run = { runId, tenantId: owner.tenantId, sessionId: open.session_id };
  return context.db.transaction(async (transaction) => {
    await lockSession(transaction, run);
    const isCancelled = await cancelOpen(context, transaction, runId, key);
    if (isCancelled) await leaveSession(context, transaction, run);
    return isCancelled;
  });
}

/** All that is open in a session, whose row the transaction has; whose turn is next is the caller's to say. */
export async function cancelInSession(context: StoreContext, transaction: Executor, { tenantId, sessionId }: SessionKey): Promise<void> {
  const { rows } = await transaction.execute<{ run_id: string }>(sql`
    SELECT run_id FROM runs WHERE tenant_id = ${tenantId} AND session_id = ${sessionId} AND is_remembered AND finished_at IS NULL`);
  for (const { run_id: runId } of rows) {
    await cancelOpen(context, transaction, runId);
    context.onWrite(runId);
  }
}

async function cancelOpen(context: StoreContext, executor: Executor, runId: string, key: SQL = sql``): Promise<boolean> {
  const { rowCount } = await executor.execute(sql`
    WITH held AS (
      UPDATE runs SET ${setOutcome(CANCELLED)}, attempt = attempt + 1, last_seq = last_seq + 1
      WHERE run_id = ${runId} AND finished_at IS NULL RETURNING run_id, last_seq - 1 AS base
    )${key}
    ${insertEvents([END])}`);
  if (rowCount === 1) context.onCancelled();
  return rowCount === 1;
}
