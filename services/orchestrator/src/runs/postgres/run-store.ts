import type { RunEvent, RunResource } from '@rubot/contracts/runs';
import { RubotError } from '@rubot/errors';
import { type SQL, sql } from 'drizzle-orm';
import type { NewEvent, NewRun, RunOwner, RunStore, RunWriter } from '../run-store.ts';
import { claimLapsed } from './claim-lapsed.ts';
import type { Database } from './database.ts';
import { orUnavailable } from './failures.ts';
import { createRunWriter, insertEvents, setOutcome, toJson } from './run-writer.ts';
import { createWakeUps } from './wake-ups.ts';

export interface PostgresRunStoreOptions {
  readonly db: Database;
  /** How long a run is held without a renewal. All times are the database's own: clocks of hosts differ. */
  readonly leaseMs: number;
}

const RESOURCE = sql.raw(`run_id AS id, 'run' AS object, status, model, attempt, last_seq,
  floor(extract(epoch FROM created_at))::integer AS created_at, floor(extract(epoch FROM finished_at))::integer AS finished_at,
  usage, slices, error`);
const NO_USAGE = { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 };

export function createPostgresRunStore({ db, leaseMs }: PostgresRunStoreOptions): RunStore {
  const wakeUps = createWakeUps();
  const lease = sql`now() + ${leaseMs} * interval '1 millisecond'`;

  function toWriter(runId: string, attempt: number): RunWriter {
    return createRunWriter({ db, runId, attempt, onWrite: wakeUps.wake });
  }

  /** `Row` is what the columns of the statement make of it; json columns hold what this same code wrote. */
  async function select<Row>(statement: SQL): Promise<Row[]> {
    const { rows } = await orUnavailable(() => db.execute(statement));
    return rows as Row[];
  }

  return {
    async create(run) {
      const { rowCount } = await orUnavailable(() => db.execute(insertRun(run, lease)));
      if (rowCount === 0) throw new RubotError('conflict', `The run ${run.runId} exists. Send a request once, or with another run id.`);
      return toWriter(run.runId, 1);
    },
    async find(runId, owner) {
      const [run] = await select<RunResource>(sql`SELECT ${RESOURCE} FROM runs WHERE run_id = ${runId} AND ${isOf(owner)}`);
      return run;
    },
    list: ({ cursor, limit, status }, owner) =>
      select<RunResource>(sql`
        SELECT ${RESOURCE} FROM runs WHERE ${isOf(owner)}
          ${cursor === undefined ? sql`` : sql`AND run_id < ${cursor}`} ${status === undefined ? sql`` : sql`AND status = ${status}`}
        ORDER BY run_id DESC LIMIT ${limit}`),
    readEvents: (runId, afterSeq, limit) =>
      select<RunEvent>(
        sql`SELECT seq, type, data FROM run_events WHERE run_id = ${runId} AND seq > ${afterSeq} ORDER BY seq LIMIT ${limit}`,
      ),
    async cancel(runId, owner, events) {
      const rows = await select(cancelRun(runId, owner, events));
      if (rows.length > 0) wakeUps.wake(runId);
      return rows.length > 0;
    },
    async renew(held) {
      const rows = await select<{ run_id: string }>(updateHeld(held, sql`lease_until = ${lease}`));
      const renewed = new Set(rows.map((row) => row.run_id));
      return held.map(({ runId }) => runId).filter((runId) => !renewed.has(runId));
    },
    async handBack(held) {
      await select(updateHeld(held, sql`lease_until = now(), is_handed_back = true`));
    },
    claimLapsed: (limit) => orUnavailable(() => claimLapsed({ db, lease, limit, toWriter })),
    async checkReady() {
      await select(sql`SELECT 1`);
    },
    waitForWrite: wakeUps.wait,
  };
}

function isOf({ tenantId, senderId }: RunOwner): SQL {
  return sql`tenant_id = ${tenantId} AND sender_id = ${senderId}`;
}

function insertRun({ runId, caller, request, allowedAgents, timeoutMs, traceId, spanId }: NewRun, lease: SQL): SQL {
  const start: NewEvent = { type: 'start', data: { run_id: runId, model: request.model, attempt: 1 } };
  return sql`
    WITH held AS (
      INSERT INTO runs (run_id, tenant_id, session_id, sender_id, model, status, attempt, last_seq, lease_until,
        request, allowed_agents, data_bearer, trace_id, span_id, deadline_at)
      VALUES (${runId}, ${caller.tenantId}, ${caller.sessionId}, ${caller.senderId}, ${request.model}, 'running', 1, 1, ${lease},
        ${toJson(request)}, ${toJson(allowedAgents)}, ${caller.dataBearer}, ${traceId}, ${spanId},
        now() + ${timeoutMs} * interval '1 millisecond')
      ON CONFLICT DO NOTHING RETURNING run_id, 0 AS base
    )
    ${insertEvents([start])}`;
}

/** The attempt is counted up with it, so that whoever has the run can write nothing more. */
function cancelRun(runId: string, owner: RunOwner, events: readonly NewEvent[]): SQL {
  const outcome = setOutcome({ status: 'cancelled', slices: [], usage: NO_USAGE, error: undefined });
  return sql`
    WITH held AS (
      UPDATE runs SET ${outcome}, attempt = attempt + 1, last_seq = last_seq + ${events.length}
      WHERE run_id = ${runId} AND ${isOf(owner)} AND status = 'running'
      RETURNING run_id, last_seq - ${events.length} AS base
    )
    ${insertEvents(events)} RETURNING seq`;
}

function updateHeld(held: readonly RunWriter[], changes: SQL): SQL {
  const runIds = sql.param(held.map(({ runId }) => runId));
  const attempts = sql.param(held.map(({ attempt }) => attempt));
  return sql`
    UPDATE runs SET ${changes} FROM unnest(${runIds}::text[], ${attempts}::integer[]) AS held (run_id, attempt)
    WHERE runs.run_id = held.run_id AND runs.attempt = held.attempt AND runs.status = 'running'
    RETURNING runs.run_id`;
}
