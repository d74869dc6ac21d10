import { type SQL, sql } from 'drizzle-orm';
import type { Database, Executor } from '../../runs/postgres/database.ts';
import { type Counter, EMPTY } from '../counter.ts';
import { type CounterKey, type Counters, keyOf } from '../decide.ts';

export interface CountersContext {
  readonly db: Database;
  /** The moment by which all processes count: that of the database. */
  readonly clock: SQL;
}

/** Changes the counters in the map; what is changed is written when the work resolves. */
type CountersWork<Result> = (transaction: Executor, counters: Counters, atMs: number) => Promise<Result>;

/** One transaction, to which alone these counters belong. */
export async function withCounters<Result>(
  { db, clock }: CountersContext,
  keys: readonly CounterKey[],
  work: CountersWork<Result>,
): Promise<Result> {
  const unique = [...new Map(keys.map((key) => [keyOf(key), key])).values()];
  for (;;) {
    const done = await db.transaction(async (transaction) => {
      const { counters, atMs } = await lockCounters(transaction, clock, unique);
      if (counters.size < unique.length) return undefined;
      const before = new Map(counters);
      const result = await work(transaction, counters, atMs);
      await writeCounters(
        transaction,
        unique.filter((key) => counters.get(keyOf(key)) !== before.get(keyOf(key))),
        counters,
      );
      return { result };
    });
    if (done !== undefined) return done.result;
    // Not within the transaction: it would hold some while it waits for others, out of their order.
    await createCounters(db, unique);
  }
}

/** As they are at this moment; nobody is held up. */
export async function readCounters({ db, clock }: CountersContext, keys: readonly CounterKey[]): Promise<CountersNow> {
  const { rows } = await db.execute<CounterRow>(selectCounters(clock, keys, { locks: false }));
  return toCounters(rows);
}

interface CountersNow {
  readonly counters: Counters;
  readonly atMs: number;
}

interface CounterRow extends Record<string, unknown> {
  readonly scope: string;
  readonly kind: CounterKey['kind'];
  readonly window_start_ms: number;
  readonly used: string;
  readonly previous: string;
  readonly at_ms: number;
}

/**
 * Everybody locks in the same order, so that no two wait for each other. The commit does not wait for the disk, so that nobody holds a
 * counter for so long: a crash of the database can lose it only together with whatever was committed after it, and so with the run that
 * was let in by it; a settling that is lost is done again.
 */
async function lockCounters(transaction: Executor, clock: SQL, keys: readonly CounterKey[]): Promise<CountersNow> {
  const { rows } = await transaction.execute<CounterRow>(sql`
    WITH unhurried AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true) AS value)
    SELECT found.*, unhurried.value FROM (${selectCounters(clock, keys, { locks: true })}) AS found, unhurried`);
  return toCounters(rows);
}

function selectCounters(clock: SQL, keys: readonly CounterKey[], { locks }: { readonly locks: boolean }): SQL {
  return sql`
    SELECT asked.scope, asked.kind, coalesce(extract(epoch FROM window_start), 0)::double precision * 1000 AS window_start_ms,
      coalesce(used, 0) AS used, coalesce(previous, 0) AS previous, floor(extract(epoch FROM ${clock}) * 1000)::double precision AS at_ms
    FROM ${toKeyTable(keys)} ${locks ? sql`` : sql`LEFT`} JOIN limit_counters AS counters ON counters.scope = asked.scope AND counters.kind = asked.kind
    ORDER BY asked.scope, asked.kind ${locks ? sql`FOR UPDATE OF counters` : sql``}`;
}

async function createCounters(db: Executor, keys: readonly CounterKey[]): Promise<void> {
  await db.execute(sql`
    INSERT INTO limit_counters (scope, kind, window_start, used, previous)
    SELECT scope, kind, to_timestamp(0), 0, 0 FROM ${toKeyTable(keys)} ORDER BY scope, kind ON CONFLICT DO NOTHING`);
}

async function writeCounters(transaction: Executor, keys: readonly CounterKey[], counters: Counters): Promise<void> {
  if (keys.length === 0) return;
  const column = (read: (counter: Counter) => number) => sql.param(keys.map((key) => read(counters.get(keyOf(key)) ?? EMPTY)));
  await transaction.execute(sql`
    UPDATE limit_counters SET window_start = to_timestamp(changed.window_start_ms / 1000), used = changed.used, previous = changed.previous
    FROM unnest(${sql.param(keys.map(({ scope }) => scope))}::text[], ${sql.param(keys.map(({ kind }) => kind))}::text[],
      ${column(({ windowStartMs }) => windowStartMs)}::double precision[], ${column(({ used }) => used)}::bigint[],
      ${column(({ previous }) => previous)}::bigint[]) AS changed (scope, kind, window_start_ms, used, previous)
    WHERE limit_counters.scope = changed.scope AND limit_counters.kind = changed.kind`);
}

function toKeyTable(keys: readonly CounterKey[]): SQL {
  return sql`unnest(${sql.param(keys.map(({ scope }) => scope))}::text[], ${sql.param(keys.map(({ kind }) => kind))}::text[]) AS asked (scope, kind)`;
}

/** Counts are far below what a number can hold exactly. */
function toCounters(rows: readonly CounterRow[]): CountersNow {
  const counters: Counters = new Map(
    rows.map((row) => [keyOf(row), { windowStartMs: row.window_start_ms, used: Number(row.used), previous: Number(row.previous) }]),
  );
  return { counters, atMs: rows[0]?.at_ms ?? 0 };
}
