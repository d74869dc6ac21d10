import { sql } from 'drizzle-orm';
import type { StoredPlan } from '../../planning/stored-plan.ts';
import type { NewEvent, RunOutcome, RunStep } from '../run-store.ts';
import type { Executor } from './database.ts';
import { isRefused } from './failures.ts';
import { createGroupCommit, type GroupCommit } from './group-commit.ts';
import { toJson } from './store-context.ts';

/** What one attempt writes into its run: what happened, and maybe a step, the plan, the end. */
export interface FencedWrite {
  readonly runId: string;
  readonly attempt: number;
  readonly events: readonly NewEvent[];
  readonly plan?: StoredPlan | undefined;
  readonly step?: RunStep | undefined;
  readonly outcome?: RunOutcome | undefined;
  readonly costNanoUsd?: number | null;
}

/** False for a write whose run is no longer its attempt's. */
export type GroupedWrites = GroupCommit<FencedWrite, boolean>;

export function createGroupedWrites(db: Executor): GroupedWrites {
  return createGroupCommit({ flush: (writes) => flush(db, writes), keyOf: ({ runId }) => runId, wasRefused: isRefused });
}

/**
 * `fencedUpdate` for many runs: one statement, whose first part is the fence of each. Rows are locked in the order of their ids,
 * as everywhere where one statement changes several, so that no two wait for each other.
 */
async function flush(db: Executor, writes: readonly FencedWrite[]): Promise<readonly boolean[]> {
  const { rows } = await db.execute<{ run_id: string }>(sql`
    WITH asked AS (${toAskedTable(writes)}), locked AS MATERIALIZED (
      SELECT runs.run_id FROM runs JOIN asked ON asked.run_id = runs.run_id AND asked.attempt = runs.attempt
      WHERE runs.status = 'running' ORDER BY runs.run_id FOR UPDATE OF runs
    ), held AS (
      UPDATE runs SET last_seq = last_seq + asked.event_count, plan = coalesce(asked.plan::json, runs.plan),
        status = coalesce(asked.status, runs.status), finished_at = CASE WHEN asked.status IS NOT NULL THEN now() END,
        lease_until = CASE WHEN asked.status IS NULL THEN lease_until END, queued_at = CASE WHEN asked.status IS NULL THEN queued_at END,
        request = CASE WHEN asked.status IS NULL THEN request END, data_bearer = CASE WHEN asked.status IS NULL THEN data_bearer END,
        bearer_grant = CASE WHEN asked.status IS NULL THEN bearer_grant END, decisions = CASE WHEN asked.status IS NULL THEN decisions END,
        pending_calls = CASE WHEN asked.status IS NULL THEN pending_calls END,
        slices = asked.slices::json, usage = asked.usage::json, cost_nano_usd = asked.cost_nano_usd, error = asked.error::json
      FROM asked JOIN locked USING (run_id)
      WHERE runs.run_id = asked.run_id AND runs.attempt = asked.attempt AND runs.status = 'running'
      RETURNING runs.run_id, last_seq - asked.event_count AS base
    ), stepped AS (
      INSERT INTO run_steps (run_id, slice_id, step_index, agent_id, attempt, step)
      SELECT run_id, slice_id, step_index, agent_id, attempt, step::json FROM held JOIN (${toStepTable(writes)}) AS steps USING (run_id)
    ), told AS (
      INSERT INTO run_events (run_id, seq, type, data)
      SELECT run_id, base + position, type, data::json FROM held JOIN (${toEventTable(writes)}) AS events USING (run_id)
    )
    SELECT run_id FROM held`);
  const held = new Set(rows.map((row) => row.run_id));
  return writes.map(({ runId }) => held.has(runId));
}

/** One parameter a column, so that the text of the statement is the same for any number of rows. */
function column<Row>(rows: readonly Row[], read: (row: Row) => unknown) {
  return sql.param(rows.map(read));
}

function toAskedTable(writes: readonly FencedWrite[]) {
  return sql`
    SELECT * FROM unnest(${column(writes, ({ runId }) => runId)}::text[], ${column(writes, ({ attempt }) => attempt)}::integer[],
      ${column(writes, ({ events }) => events.length)}::integer[], ${column(writes, ({ plan }) => toJson(plan))}::text[],
      ${column(writes, ({ outcome }) => outcome?.status ?? null)}::text[], ${column(writes, ({ outcome }) => toJson(outcome?.slices))}::text[],
      ${column(writes, ({ outcome }) => toJson(outcome?.usage))}::text[], ${column(writes, ({ outcome }) => toJson(outcome?.error))}::text[],
      ${column(writes, ({ costNanoUsd = null }) => costNanoUsd)}::bigint[])
      AS asked (run_id, attempt, event_count, plan, status, slices, usage, error, cost_nano_usd)`;
}

function toStepTable(writes: readonly FencedWrite[]) {
  const steps = writes.flatMap(({ runId, attempt, step }) => (step === undefined ? [] : [{ runId, attempt, ...step }]));
  return sql`
    SELECT * FROM unnest(${column(steps, ({ runId }) => runId)}::text[], ${column(steps, ({ sliceId }) => sliceId)}::text[],
      ${column(steps, ({ step }) => step.index)}::integer[], ${column(steps, ({ agentId }) => agentId)}::text[],
      ${column(steps, ({ attempt }) => attempt)}::integer[], ${column(steps, ({ step }) => toJson(step))}::text[])
      AS steps (run_id, slice_id, step_index, agent_id, attempt, step)`;
}

function toEventTable(writes: readonly FencedWrite[]) {
  const events = writes.flatMap(({ runId, events: told }) => told.map((event, index) => ({ runId, position: index + 1, ...event })));
  return sql`
    SELECT * FROM unnest(${column(events, ({ runId }) => runId)}::text[], ${column(events, ({ position }) => position)}::integer[],
      ${column(events, ({ type }) => type)}::text[], ${column(events, ({ data }) => JSON.stringify(data))}::text[])
      AS events (run_id, position, type, data)`;
}
