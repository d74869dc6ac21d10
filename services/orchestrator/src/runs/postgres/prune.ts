import { type SQL, sql } from 'drizzle-orm';
import type { Pruning } from '../keeper.ts';
import type { Database } from './database.ts';
import type { Tickets } from './tickets.ts';

export interface PruneOptions {
  readonly db: Database;
  readonly tickets: Pick<Tickets, 'discard'>;
  readonly retention: { readonly eventsHours: number; readonly runHours: number };
}

/** How long a request may be repeated under its key; longer while its run has not ended. */
const KEY_HOURS = 24;
const SILENT_WORKER_HOURS = 24;
const MAX_RUNS = 500;
/** Of the events that are deleted by one statement; a run that has more by itself goes alone. */
const MAX_EVENTS = 20_000;
const MAX_KEYS = 1_000;
const MAX_SESSIONS = 100;
const MAX_COUNTERS = 1_000;
/** Longer than a month, the longest that anything counts. */
const COUNTER_DAYS = 32;

/**
 * What is not kept for ever, each kind by itself and a little of it at a time. Whatever is deleted is locked before, and passed
 * over where somebody else has it: so many processes may do it at once, and a run that is just being revived is left alone.
 */
export function createPrunings({ db, tickets, retention }: PruneOptions): readonly Pruning[] {
  const isRunDue = sql`finished_at < ${ago(retention.runHours)}`;
  return [
    { kind: 'events', pruneSome: createEventPruning(db, retention.eventsHours) },
    { kind: 'runs', pruneSome: () => pruneRuns(db, tickets, isRunDue) },
    { kind: 'keys', pruneSome: () => pruneKeys(db) },
    { kind: 'sessions', pruneSome: () => pruneSessions(db, retention.runHours) },
    { kind: 'workers', pruneSome: () => pruneWorkers(db) },
    { kind: 'limits', pruneSome: () => pruneCounters(db) },
  ];
}

function ago(hours: number): SQL {
  return sql`now() - ${hours} * interval '1 hour'`;
}

/** The first of these runs by their end, as many as one statement may take the events of. */
function firstFew(condition: SQL): SQL {
  return sql`
    SELECT run_id, finished_at FROM (
      SELECT run_id, finished_at, sum(last_seq) OVER (ORDER BY finished_at, run_id) - last_seq AS event_count FROM (
        SELECT run_id, finished_at, last_seq FROM runs WHERE ${condition} ORDER BY finished_at, run_id LIMIT ${MAX_RUNS}
      ) AS due
    ) AS counted WHERE event_count < ${MAX_EVENTS}`;
}

/**
 * Which runs have lost their events already is not written down, as that would cost each of them a write. Instead this process
 * knows how far it has looked; one that has just started looks through all that have ended.
 */
function createEventPruning(db: Database, hours: number): Pruning['pruneSome'] {
  let lookedUntil = { finished_at: '-infinity', run_id: '' };

  return async function pruneEvents() {
    const isDue = sql`finished_at < ${ago(hours)}`;
    const isNew = sql`(finished_at, run_id) > (${lookedUntil.finished_at}::timestamptz, ${lookedUntil.run_id}::text)`;
    const { rows } = await db.execute<{ finished_at: string; run_id: string; count: number }>(sql`
      WITH few AS (${firstFew(sql`${isDue} AND ${isNew}`)}), held AS (
        SELECT run_id FROM runs WHERE run_id IN (SELECT run_id FROM few) AND ${isDue}
          AND EXISTS (SELECT 1 FROM run_events WHERE run_events.run_id = runs.run_id) FOR UPDATE SKIP LOCKED
      ), pruned AS (
        DELETE FROM run_events USING held WHERE run_events.run_id = held.run_id
      )
      SELECT finished_at::text, run_id, (SELECT count(*) FROM held)::integer AS count FROM few ORDER BY few.finished_at DESC, run_id DESC LIMIT 1`);
    const [last] = rows;
    lookedUntil = last ?? lookedUntil;
    return { count: last?.count ?? 0, mayBeMore: last !== undefined };
  };
}

async function pruneRuns(db: Database, tickets: PruneOptions['tickets'], isDue: SQL): ReturnType<Pruning['pruneSome']> {
  const pruned = await db.transaction(async (transaction) => {
    const { rows } = await transaction.execute<{ run_id: string; is_dead: boolean }>(sql`
      WITH few AS (${firstFew(isDue)}), held AS (
        SELECT run_id, dead_at IS NOT NULL AS is_dead FROM runs WHERE run_id IN (SELECT run_id FROM few) AND ${isDue} FOR UPDATE SKIP LOCKED
      ), events AS (
        DELETE FROM run_events USING held WHERE run_events.run_id = held.run_id
      ), steps AS (
        DELETE FROM run_steps USING held WHERE run_steps.run_id = held.run_id
      ), keys AS (
        DELETE FROM idempotency_keys USING held WHERE idempotency_keys.run_id = held.run_id
      )
      DELETE FROM runs USING held WHERE runs.run_id = held.run_id RETURNING runs.run_id, is_dead`);
    for (const run of rows) if (run.is_dead) await tickets.discard(transaction, run.run_id);
    return rows.length;
  });
  return { count: pruned, mayBeMore: pruned > 0 };
}

async function pruneKeys(db: Database): ReturnType<Pruning['pruneSome']> {
  const { rowCount } = await db.execute(sql`
    DELETE FROM idempotency_keys WHERE (tenant_id, sender_id, key) IN (
      SELECT tenant_id, sender_id, key FROM idempotency_keys AS due WHERE created_at < ${ago(KEY_HOURS)}
        AND NOT EXISTS (SELECT 1 FROM runs WHERE runs.run_id = due.run_id AND finished_at IS NULL)
      ORDER BY created_at LIMIT ${MAX_KEYS} FOR UPDATE SKIP LOCKED)`);
  return toReport(rowCount, MAX_KEYS);
}

/** A session in which nothing was said for as long as a run is kept. */
async function pruneSessions(db: Database, hours: number): ReturnType<Pruning['pruneSome']> {
  const { rowCount } = await db.execute(sql`
    WITH held AS (
      SELECT tenant_id, session_id FROM sessions WHERE updated_at < ${ago(hours)} AND active_run_id IS NULL
      ORDER BY updated_at LIMIT ${MAX_SESSIONS} FOR UPDATE SKIP LOCKED
    ), turns AS (
      DELETE FROM session_turns USING held WHERE session_turns.tenant_id = held.tenant_id AND session_turns.session_id = held.session_id
    )
    DELETE FROM sessions USING held WHERE sessions.tenant_id = held.tenant_id AND sessions.session_id = held.session_id`);
  return toReport(rowCount, MAX_SESSIONS);
}

async function pruneWorkers(db: Database): ReturnType<Pruning['pruneSome']> {
  const { rowCount } = await db.execute(sql`DELETE FROM workers WHERE seen_at < ${ago(SILENT_WORKER_HOURS)}`);
  return { count: rowCount ?? 0, mayBeMore: false };
}

/** Of limits that nothing counts for any more: of owners that nobody speaks for, mostly. One that is needed again is made again. */
async function pruneCounters(db: Database): ReturnType<Pruning['pruneSome']> {
  const { rowCount } = await db.execute(sql`
    DELETE FROM limit_counters WHERE (scope, kind) IN (
      SELECT scope, kind FROM limit_counters WHERE window_start < now() - ${COUNTER_DAYS} * interval '1 day' AND (kind <> 'concurrent_runs' OR used = 0)
      LIMIT ${MAX_COUNTERS} FOR UPDATE SKIP LOCKED)`);
  return toReport(rowCount, MAX_COUNTERS);
}

function toReport(rowCount: number | null, limit: number): Awaited<ReturnType<Pruning['pruneSome']>> {
  return { count: rowCount ?? 0, mayBeMore: rowCount === limit };
}
