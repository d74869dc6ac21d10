import type { Usage } from '@rubot/contracts/chat-response';
import { type SQL, sql } from 'drizzle-orm';
import type { Executor } from '../../runs/postgres/database.ts';
import { type ReservedItem, settleItems, type Used } from '../reserved-items.ts';
import { type CountersContext, withCounters } from './counters.ts';

/** A run of which nothing more is to be reserved. */
export interface Over {
  readonly runId: string;
  /** False where whoever reserved for it says that it was not let in; else the row of the run tells. */
  readonly wasLetIn: boolean;
}

/** Longer than it takes to let a run in; whoever takes longer still finds its reservation gone, and is not let in. */
const ORPHAN_SECONDS = 60;

/** Whether nothing will come any more of a reservation, by its run: it has ended, or never came to be. */
function isLeft(clock: SQL): SQL {
  return sql`(runs.finished_at IS NOT NULL OR (runs.run_id IS NULL AND reservations.created_at < ${clock} - ${ORPHAN_SECONDS} * interval '1 second'))`;
}

const WITH_RUNS = sql.raw('reservations LEFT JOIN runs ON runs.run_id = reservations.run_id');

export async function findLeft({ db, clock }: CountersContext, limit: number): Promise<readonly Over[]> {
  const { rows } = await db.execute<{ run_id: string }>(sql`
    SELECT reservations.run_id FROM ${WITH_RUNS} WHERE ${isLeft(clock)} ORDER BY reservations.created_at LIMIT ${limit}`);
  return rows.map((row) => ({ runId: row.run_id, wasLetIn: true }));
}

/** @returns of each whether it was settled by this very call */
export async function settleAll(context: CountersContext, over: readonly Over[]): Promise<readonly boolean[]> {
  const runIds = over.map(({ runId }) => runId);
  const items = await readItems(context.db, runIds);
  if (items.length === 0) return over.map(() => false);
  const settled = await withCounters(context, items, async (transaction, counters, atMs) => {
    const taken = await takeReservations(context, transaction, over);
    for (const row of taken) settleItems(row.items, toUsed(row, over), counters, atMs);
    return new Set(taken.map((row) => row.run_id));
  });
  return over.map(({ runId }) => settled.has(runId));
}

/** Which counters will be needed: those are locked before the reservations, as by everybody. */
async function readItems(executor: Executor, runIds: readonly string[]): Promise<readonly ReservedItem[]> {
  const { rows } = await executor.execute<{ items: ReservedItem[] }>(sql`
    SELECT items FROM reservations WHERE run_id = ANY(${sql.param(runIds)}::text[])`);
  return rows.flatMap(({ items }) => items);
}

interface TakenRow extends Record<string, unknown> {
  readonly run_id: string;
  readonly items: readonly ReservedItem[];
  readonly has_run: boolean;
  readonly usage: Usage | null;
  readonly cost_nano_usd: string | null;
}

/**
 * Who deletes a reservation has the right to settle it. It is locked before its run is looked for, by another statement: a run that is being let
 * in at this moment holds its reservation (`covered.ts`), and is passed over; one that comes later finds it gone.
 */
async function takeReservations({ clock }: CountersContext, transaction: Executor, over: readonly Over[]): Promise<readonly TakenRow[]> {
  const { rows: locked } = await transaction.execute<{ run_id: string }>(sql`
    SELECT run_id FROM reservations WHERE run_id = ANY(${sql.param(over.map(({ runId }) => runId))}::text[]) ORDER BY run_id FOR UPDATE SKIP LOCKED`);
  const runIds = locked.map((row) => row.run_id);
  const refused = over.filter(({ wasLetIn }) => !wasLetIn).map(({ runId }) => runId);
  const { rows } = await transaction.execute<TakenRow>(sql`
    WITH due AS (
      SELECT reservations.run_id, items, runs.run_id IS NOT NULL AS has_run, usage, cost_nano_usd FROM ${WITH_RUNS}
      WHERE reservations.run_id = ANY(${sql.param(runIds)}::text[]) AND (reservations.run_id = ANY(${sql.param(refused)}::text[]) OR ${isLeft(clock)})
    )
    DELETE FROM reservations USING due WHERE reservations.run_id = due.run_id RETURNING due.*`);
  return rows;
}

function toUsed({ run_id: runId, has_run: hasRun, usage, cost_nano_usd: cost }: TakenRow, over: readonly Over[]): Used | undefined {
  const wasLetIn = hasRun && over.some((run) => run.runId === runId && run.wasLetIn);
  return wasLetIn ? { tokens: usage?.total_tokens, nanoUsd: cost === null ? undefined : Number(cost) } : undefined;
}
