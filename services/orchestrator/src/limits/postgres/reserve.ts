import { type SQL, sql } from 'drizzle-orm';
import type { Executor } from '../../runs/postgres/database.ts';
import { decide } from '../decide.ts';
import type { Reservation, ReservedVerdict } from '../reservations.ts';
import { type ReservedItem, settleItems, toItems } from '../reserved-items.ts';
import { type CountersContext, withCounters } from './counters.ts';

/** One after the other, as they stand there. */
export function reserveAll(context: CountersContext, asked: readonly Reservation[]): Promise<readonly ReservedVerdict[]> {
  const keys = asked.flatMap(({ demands }) => demands);
  return withCounters(context, keys, async (transaction, counters, atMs) => {
    const decided = asked.map(({ runId, demands }) => ({ runId, demands, verdict: decide(demands, counters, atMs) }));
    const granted = decided
      .filter(({ verdict }) => verdict.refusals.length === 0)
      .map(({ runId, demands }) => ({ runId, items: toItems(demands, counters, atMs) }));
    const inserted = await insertReservations(transaction, context.clock, granted);
    const doubled = granted.filter(({ runId }) => !inserted.has(runId));
    for (const { items } of doubled) settleItems(items, undefined, counters, atMs);
    return decided.map(({ runId, verdict }) => ({ ...verdict, isNew: inserted.has(runId) }));
  });
}

interface Granted {
  readonly runId: string;
  readonly items: readonly ReservedItem[];
}

async function insertReservations(transaction: Executor, clock: SQL, granted: readonly Granted[]): Promise<ReadonlySet<string>> {
  if (granted.length === 0) return new Set();
  const { rows } = await transaction.execute<{ run_id: string }>(sql`
    INSERT INTO reservations (run_id, items, created_at)
    SELECT run_id, items::json, ${clock} FROM unnest(${sql.param(granted.map(({ runId }) => runId))}::text[],
      ${sql.param(granted.map(({ items }) => JSON.stringify(items)))}::text[]) AS granted (run_id, items)
    ORDER BY run_id ON CONFLICT DO NOTHING RETURNING run_id`);
  return new Set(rows.map((row) => row.run_id));
}
