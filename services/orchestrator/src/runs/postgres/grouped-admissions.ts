import { sql } from 'drizzle-orm';
import type { Admitted, NewRun } from '../run-store.ts';
import type { Executor } from './database.ts';
import { isRefused } from './failures.ts';
import { createGroupCommit, type GroupCommit } from './group-commit.ts';
import { placeOf } from './place.ts';
import { leaseOf, type StoreContext, toJson } from './store-context.ts';

/**
 * Runs that are let in together: those that have neither key nor session, and are far from every limit. `near` says that
 * a run is not, and was not let in: then each is counted by itself, under a lock.
 */
export interface GroupedAdmissions {
  begin(run: NewRun): Promise<'begun' | 'not_inserted'>;
  enqueue(run: NewRun): Promise<Extract<Admitted, { status: 'queued' }> | 'not_inserted' | 'near'>;
}

/** More runs than can be on their way into the queue uncounted. */
const MARGIN = 256;

type Context = Pick<StoreContext, 'db' | 'tickets' | 'workerId' | 'leaseMs' | 'limits'>;

interface QueuedRow extends Record<string, unknown> {
  readonly run_id: string;
  readonly is_near: boolean;
  readonly is_new: boolean;
  readonly place: number;
  readonly created_at: number;
}

export function createGroupedAdmissions(context: Context): GroupedAdmissions {
  const options = { keyOf: ({ runId }: NewRun) => runId, wasRefused: isRefused };
  const beginnings: GroupCommit<NewRun, boolean> = createGroupCommit({ ...options, flush: (runs) => beginAll(context, runs) });
  const arrivals: GroupCommit<NewRun, QueuedRow | undefined> = createGroupCommit({
    ...options,
    flush: (runs) => enqueueAll(context, runs),
  });

  return {
    begin: async (run) => ((await beginnings.submit(run)) ? 'begun' : 'not_inserted'),
    async enqueue(run) {
      const row = await arrivals.submit(run);
      if (row?.is_near === true) return 'near';
      return row?.is_new === true ? { status: 'queued', createdAtSeconds: row.created_at } : 'not_inserted';
    },
  };
}

async function beginAll(context: Context, runs: readonly NewRun[]): Promise<readonly boolean[]> {
  const { rows } = await context.db.execute<{ run_id: string }>(sql`
    WITH asked AS (${toRunTable(runs)}), held AS (
      INSERT INTO runs (${COLUMNS}, status, attempt, lease_until, worker_id, deadline_at, last_seq)
      SELECT ${VALUES}, 'running', 1, ${leaseOf(context)}, ${context.workerId}::text, ${DEADLINE}, 1 FROM asked WHERE ${IS_COVERED}
      ON CONFLICT DO NOTHING RETURNING run_id, model, attempt
    ), told AS (${INSERT_START})
    SELECT run_id FROM held`);
  const begun = new Set(rows.map((row) => row.run_id));
  return runs.map(({ runId }) => begun.has(runId));
}

function enqueueAll(context: Context, runs: readonly NewRun[]): Promise<readonly (QueuedRow | undefined)[]> {
  return context.db.transaction(async (transaction) => {
    const rows = await insertQueued(context, transaction, runs);
    const byId = new Map(rows.map((row) => [row.run_id, row]));
    const tickets = runs.flatMap(({ runId, caller: { tenantId }, slotType }) => {
      const row = byId.get(runId);
      return row?.is_new === true ? [{ runId, tenantId, slotType, place: row.place, delayMs: 0 }] : [];
    });
    await context.tickets.insert(transaction, tickets);
    return runs.map(({ runId }) => byId.get(runId));
  });
}

async function insertQueued({ limits }: Context, transaction: Executor, runs: readonly NewRun[]): Promise<readonly QueuedRow[]> {
  const isFar = sql`waiting + ${MARGIN}::integer < ${limits.queueDepth}::integer`;
  const { rows } = await transaction.execute<QueuedRow>(sql`
    WITH asked AS (
      SELECT *, (SELECT count(*) FROM runs WHERE runs.tenant_id = asked.tenant_id AND runs.status = 'queued' AND runs.finished_at IS NULL)::integer
        + (row_number() OVER (PARTITION BY tenant_id))::integer - 1 AS waiting
      FROM (${toRunTable(runs)}) AS asked
    ), held AS (
      INSERT INTO runs (${COLUMNS}, status, attempt, queued_at, deadline_at, last_seq)
      SELECT ${VALUES}, 'queued', 0, now(), ${DEADLINE}, 1 FROM asked WHERE ${isFar} AND ${IS_COVERED} ON CONFLICT DO NOTHING RETURNING run_id, model, attempt
    ), told AS (${INSERT_START})
    SELECT run_id, NOT (${isFar}) AS is_near, held.run_id IS NOT NULL AS is_new, floor(extract(epoch FROM now()))::integer AS created_at,
      CASE priority WHEN 'high' THEN ${placeOf('high', sql`waiting`)} WHEN 'normal' THEN ${placeOf('normal', sql`waiting`)}
        ELSE ${placeOf('low', sql`waiting`)} END AS place
    FROM asked LEFT JOIN held USING (run_id)`);
  return rows;
}

const COLUMNS = sql.raw(`run_id, tenant_id, session_id, sender_id, model, priority, slot_type, is_background, request, allowed_agents,
  data_bearer, bearer_grant, trace_id, span_id, timeout_ms, is_limited`);
const VALUES =
  sql.raw(`run_id, tenant_id, session_id, sender_id, model, priority, slot_type, is_background, request::json, allowed_agents::json,
  data_bearer, bearer_grant, trace_id, span_id, timeout_ms, is_limited`);
/** As `isCovered`, of each. */
const IS_COVERED = sql.raw(
  `(NOT is_limited OR EXISTS (SELECT 1 FROM reservations WHERE reservations.run_id = asked.run_id FOR KEY SHARE))`,
);
const DEADLINE = sql.raw(`CASE WHEN NOT is_background THEN now() + timeout_ms * interval '1 millisecond' END`);
const INSERT_START = sql.raw(`INSERT INTO run_events (run_id, seq, type, data)
  SELECT run_id, 1, 'start', json_build_object('run_id', run_id, 'model', model, 'attempt', attempt) FROM held`);

/** One parameter a column, so that the text of the statement is the same for any number of rows. */
function toRunTable(runs: readonly NewRun[]) {
  const column = (read: (run: NewRun) => unknown) => sql.param(runs.map(read));
  return sql`
    SELECT * FROM unnest(${column((run) => run.runId)}::text[], ${column((run) => run.caller.tenantId)}::text[],
      ${column((run) => run.caller.sessionId)}::text[], ${column((run) => run.caller.senderId)}::text[],
      ${column((run) => run.request.model)}::text[], ${column((run) => run.priority)}::text[], ${column((run) => run.slotType)}::text[],
      ${column((run) => run.isBackground)}::boolean[], ${column((run) => toJson(run.request))}::text[],
      ${column((run) => toJson(run.allowedAgents))}::text[], ${column((run) => run.caller.dataBearer ?? null)}::text[],
      ${column((run) => run.bearerGrant ?? null)}::text[], ${column((run) => run.traceId)}::text[], ${column((run) => run.spanId)}::text[],
      ${column((run) => run.timeoutMs)}::integer[], ${column((run) => run.isLimited)}::boolean[])
      AS asked (run_id, tenant_id, session_id, sender_id, model, priority, slot_type, is_background, request, allowed_agents, data_bearer,
        bearer_grant, trace_id, span_id, timeout_ms, is_limited)`;
}
