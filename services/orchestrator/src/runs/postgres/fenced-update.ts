import { type SQL, sql } from 'drizzle-orm';
import type { NewEvent, RunOutcome } from '../run-store.ts';
import type { Executor } from './database.ts';
import { toJson } from './store-context.ts';

export interface FencedUpdate {
  readonly runId: string;
  readonly attempt: number;
  readonly changes: SQL;
  readonly events: readonly NewEvent[];
  /** More parts of the same statement, behind `held (run_id, base)`; each begins with a comma. */
  readonly alsoInserts?: SQL;
}

/**
 * A write of one attempt: one statement, whose first part is the fence. It touches the run only where the run is still this
 * attempt's, and everything else hangs on the row that it gives back. The row also gives the numbers of the events,
 * under its lock, so that they have no gap and no double.
 *
 * @returns false when the run is no longer this attempt's
 */
export async function fencedUpdate(executor: Executor, { runId, attempt, changes, events, alsoInserts }: FencedUpdate): Promise<boolean> {
  const { rowCount } = await executor.execute(sql`
    WITH held AS (
      UPDATE runs SET ${changes}, last_seq = last_seq + ${events.length}
      WHERE run_id = ${runId} AND attempt = ${attempt} AND status = 'running'
      RETURNING run_id, last_seq - ${events.length} AS base
    )${alsoInserts ?? sql``}
    ${insertEvents(events)}`);
  return rowCount === events.length;
}

/** Inserts events behind `held (run_id, base)`. */
export function insertEvents(events: readonly NewEvent[]): SQL {
  const types = sql.param(events.map(({ type }) => type));
  const data = sql.param(events.map((event) => JSON.stringify(event.data)));
  return sql`
    INSERT INTO run_events (run_id, seq, type, data)
    SELECT held.run_id, held.base + event.ordinality, event.type, event.data::json
    FROM held, unnest(${types}::text[], ${data}::text[]) WITH ORDINALITY AS event (type, data, ordinality)`;
}

/** What is needed to go on with a run goes with its end, messages and rights; unless an operator may want to go on with it. */
export function setOutcome({ status, slices, usage, error, isDeadLetter = false }: RunOutcome, costNanoUsd: number | null): SQL {
  const rights = sql`data_bearer = NULL, pending_calls = NULL`;
  const kept = isDeadLetter ? sql`dead_at = now()` : sql`request = NULL, bearer_grant = NULL, decisions = NULL`;
  return sql`status = ${status}, finished_at = now(), lease_until = NULL, queued_at = NULL, ${rights}, ${kept},
    slices = ${toJson(slices)}::json, usage = ${toJson(usage)}::json, cost_nano_usd = ${costNanoUsd}::bigint, error = ${toJson(error)}::json`;
}
