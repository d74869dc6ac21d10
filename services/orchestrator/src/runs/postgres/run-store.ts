import type { RunEvent, RunResource } from '@rubot/contracts/runs';
import { type SQL, sql } from 'drizzle-orm';
import type { NewRun, RunStore, RunWriter } from '../run-store.ts';
import { admit } from './admit.ts';
import { cancelRun, expireRun } from './cancel.ts';
import { claimQueued } from './claim-queued.ts';
import { listDeadLetters, redrive } from './dead-letters.ts';
import { decide } from './decide.ts';
import { orUnavailable } from './failures.ts';
import { createGroupedAdmissions } from './grouped-admissions.ts';
import { createGroupedWrites } from './grouped-writes.ts';
import { findByKey } from './idempotency-keys.ts';
import { handBack, requeueLapsed } from './requeue.ts';
import { createRunWatch } from './run-watch.ts';
import { createRunWriter } from './run-writer.ts';
import { isOf, leaseOf, type StoreContext } from './store-context.ts';

export interface PostgresRunStoreOptions extends Omit<StoreContext, 'onWrite' | 'admissions' | 'writes'> {
  /** How often it is looked for what other processes have written into a run that is waited for here. */
  readonly watchIntervalMs: number;
}

const RESOURCE = sql.raw(`run_id AS id, 'run' AS object, status, model, priority, attempt, last_seq,
  floor(extract(epoch FROM created_at))::integer AS created_at, floor(extract(epoch FROM finished_at))::integer AS finished_at,
  usage, cost_nano_usd::double precision / 1000000000 AS cost_usd, slices, error,
  CASE WHEN status = 'requires_action' THEN json_build_object('tool_calls', pending_calls) END AS required_action`);

export function createPostgresRunStore({ watchIntervalMs, ...options }: PostgresRunStoreOptions): RunStore {
  const { db } = options;
  const watch = createRunWatch({ db, intervalMs: watchIntervalMs });
  const grouped = { admissions: createGroupedAdmissions(options), writes: createGroupedWrites(db) };
  const context: StoreContext = { ...options, ...grouped, onWrite: watch.wake };
  const toWriter = (run: NewRun, attempt: number, isRemembered: boolean) => createRunWriter({ context, run, attempt, isRemembered });

  /** `Row` is what the columns of the statement make of it; json columns hold what this same code wrote. */
  async function select<Row>(statement: SQL): Promise<Row[]> {
    const { rows } = await orUnavailable(() => db.execute(statement));
    return rows as Row[];
  }

  return {
    admit: (admission) => orUnavailable(() => admit(context, admission, toWriter)),
    claimQueued: (slotType, limit) => orUnavailable(() => claimQueued(context, slotType, limit, toWriter)),
    async find(runId, owner) {
      const [run] = await select<RunResource>(sql`SELECT ${RESOURCE} FROM runs WHERE run_id = ${runId} AND ${isOf(owner)}`);
      return run;
    },
    list: ({ cursor, limit, status }, owner) =>
      select<RunResource>(sql`
        SELECT ${RESOURCE} FROM runs WHERE ${isOf(owner)}
          ${cursor === undefined ? sql`` : sql`AND run_id < ${cursor}`} ${status === undefined ? sql`` : sql`AND status = ${status}`}
        ORDER BY run_id DESC LIMIT ${limit}`),
    async listOfTrace(traceId, limit, owner) {
      const newestFirst = await select<RunResource>(
        sql`SELECT ${RESOURCE} FROM runs WHERE trace_id = ${traceId} AND ${isOf(owner)} ORDER BY run_id DESC LIMIT ${limit}`,
      );
      return newestFirst.reverse();
    },
    readEvents: (runId, afterSeq, limit) =>
      select<RunEvent>(
        sql`SELECT seq, type, data FROM run_events WHERE run_id = ${runId} AND seq > ${afterSeq} ORDER BY seq LIMIT ${limit}`,
      ),
    async findLastSeq(runId, type) {
      const [row] = await select<{ seq: number }>(
        sql`SELECT coalesce(max(seq), 0) AS seq FROM run_events WHERE run_id = ${runId} AND type = ${type}`,
      );
      return row?.seq ?? 0;
    },
    async cancel(runId, owner, idempotency) {
      const isCancelled = await orUnavailable(() => cancelRun(context, runId, owner, idempotency));
      if (isCancelled) watch.wake(runId);
      return isCancelled;
    },
    async expire(runId, owner) {
      const hasExpired = await orUnavailable(() => expireRun(context, runId, owner));
      if (hasExpired) watch.wake(runId);
      return hasExpired;
    },
    decide: (approval, owner, idempotency) => orUnavailable(() => decide(context, approval, owner, idempotency)),
    findByKey: (idempotency, owner) => orUnavailable(() => findByKey(db, idempotency, owner)),
    async renew(held) {
      const rows = await select<{ run_id: string }>(sql`
        WITH mine AS MATERIALIZED (
          SELECT runs.run_id FROM runs, ${toTable(held)} WHERE ${IS_HELD} ORDER BY runs.run_id FOR UPDATE OF runs
        )
        UPDATE runs SET lease_until = ${leaseOf(context)} FROM mine WHERE runs.run_id = mine.run_id RETURNING runs.run_id`);
      return findMissing(held, rows);
    },
    async findLost(held) {
      const rows = await select<{ run_id: string }>(sql`SELECT runs.run_id FROM runs, ${toTable(held)} WHERE ${IS_HELD}`);
      return findMissing(held, rows);
    },
    handBack: (held) => orUnavailable(() => handBack(context, held)),
    requeueLapsed: (limit) => orUnavailable(() => requeueLapsed(context, limit)),
    listDeadLetters: (query) => orUnavailable(() => listDeadLetters(context, query)),
    redrive: (runId) => orUnavailable(() => redrive(context, runId)),
    async checkReady() {
      await select(sql`SELECT 1`);
    },
    waitForWrite: watch.wait,
  };
}

const IS_HELD = sql.raw(`runs.run_id = held.run_id AND runs.attempt = held.attempt AND runs.status = 'running'`);

function toTable(held: readonly RunWriter[]): SQL {
  const runIds = sql.param(held.map(({ runId }) => runId));
  const attempts = sql.param(held.map(({ attempt }) => attempt));
  return sql`unnest(${runIds}::text[], ${attempts}::integer[]) AS held (run_id, attempt)`;
}

function findMissing(held: readonly RunWriter[], rows: readonly { readonly run_id: string }[]): readonly string[] {
  const found = new Set(rows.map((row) => row.run_id));
  return held.map(({ runId }) => runId).filter((runId) => !found.has(runId));
}
