import type { SlotType } from '@rubot/contracts/agent';
import type { DeadLetter, ListDeadLettersQuery } from '@rubot/contracts/dead-letters';
import { RubotError } from '@rubot/errors';
import { sql } from 'drizzle-orm';
import { hasExpired } from '../bearer-source.ts';
import type { Executor } from './database.ts';
import { touchSession } from './enter-session.ts';
import { insertEvents } from './fenced-update.ts';
import { insertTickets, toWaiting } from './insert-tickets.ts';
import { setActive } from './sessions.ts';
import { type StoreContext, withoutReader } from './store-context.ts';

/** The newest runs first. */
export async function listDeadLetters({ db }: StoreContext, { cursor, limit }: ListDeadLettersQuery): Promise<readonly DeadLetter[]> {
  const { rows } = await db.execute(sql`
    SELECT run_id, tenant_id, sender_id, model, attempt, error,
      floor(extract(epoch FROM created_at))::integer AS created_at, floor(extract(epoch FROM dead_at))::integer AS died_at
    FROM runs WHERE dead_at IS NOT NULL ${cursor === undefined ? sql`` : sql`AND run_id < ${cursor}`} ORDER BY run_id DESC LIMIT ${limit}`);
  return rows as unknown as DeadLetter[];
}

interface DeadRow extends Record<string, unknown> {
  readonly tenant_id: string;
  readonly session_id: string;
  readonly slot_type: SlotType;
  readonly is_remembered: boolean;
  readonly bearer_grant: string | null;
}

/**
 * Puts a dead letter back into the queue. It is the same run and no copy of it: what it has done is in its journal, and its
 * tool calls bear the keys that they bore, so that nothing has its effect twice.
 */
export async function redrive(context: StoreContext, runId: string): Promise<void> {
  const run = await findDead(context.db, runId);
  await context.db.transaction(async (transaction) => {
    // As ever, the session before its run.
    if (run.is_remembered) await takeTurn(transaction, runId, run);
    if (!(await revive(context, transaction, runId))) throw await toRefusal(transaction, runId);
    // A ticket that is missing among the dead ones is no reason to leave a run without one.
    if (!(await context.tickets.redrive(transaction, runId, run.slot_type))) await insertTickets(context, transaction, [runId]);
  });
  context.onWrite(runId);
  context.onQueued(run.slot_type);
}

async function findDead(executor: Executor, runId: string): Promise<DeadRow> {
  const { rows } = await executor.execute<DeadRow>(sql`
    SELECT tenant_id, session_id, slot_type, is_remembered, bearer_grant FROM runs WHERE run_id = ${runId} AND dead_at IS NOT NULL`);
  const [run] = rows;
  if (run === undefined) throw await toRefusal(executor, runId);
  // Its data bearer went with its end; without a grant it would only fail once more, and for good.
  if (run.bearer_grant !== null && !hasExpired(run.bearer_grant)) return run;
  throw new RubotError('conflict', `The run ${runId} has no right left to act for its sender. Have the sender ask again.`);
}

async function revive(context: StoreContext, transaction: Executor, runId: string): Promise<boolean> {
  const { rowCount } = await transaction.execute(sql`
    WITH held AS (
      UPDATE runs SET ${toWaiting()}, ${withoutReader(context)}, finished_at = NULL, dead_at = NULL, error = NULL, slices = NULL, usage = NULL, cost_nano_usd = NULL,
        crash_count = 0, failure_count = 0, last_seq = last_seq + 1
      WHERE run_id = ${runId} AND dead_at IS NOT NULL RETURNING run_id, last_seq - 1 AS base
    )
    ${insertEvents([{ type: 'retry', data: { redriven: true } }])}`);
  return rowCount === 1;
}

async function takeTurn(transaction: Executor, runId: string, { tenant_id: tenantId, session_id: sessionId }: DeadRow): Promise<void> {
  const active = await touchSession(transaction, { tenantId, sessionId });
  if (active !== null) {
    throw new RubotError('conflict', `The run ${active} answers in the session of the run ${runId}. Try again when it has ended.`);
  }
  await setActive(transaction, { tenantId, sessionId }, runId);
}

async function toRefusal(executor: Executor, runId: string): Promise<RubotError> {
  const { rows } = await executor.execute<{ status: string }>(sql`SELECT status FROM runs WHERE run_id = ${runId}`);
  const [run] = rows;
  return run === undefined
    ? new RubotError('not_found', `There is no run ${runId}, or it is not kept any more.`)
    : new RubotError('conflict', `The run ${runId} is ${run.status}, and no dead letter.`);
}
