import { RubotError } from '@rubot/errors';
import { type SQL, sql } from 'drizzle-orm';
import type { NewEvent, RunBatch, RunOutcome, RunWriter } from '../run-store.ts';
import type { Database } from './database.ts';
import { orUnavailable } from './failures.ts';

export interface RunWriterOptions {
  readonly db: Database;
  readonly runId: string;
  readonly attempt: number;
  readonly onWrite: (runId: string) => void;
}

/**
 * Every write is one statement, and its first part is the fence: it touches the run only where the run is still this
 * attempt's, and everything else hangs on the row that it gives back. The row also gives the numbers of the events,
 * under its lock, so that they have no gap and no double.
 */
export function createRunWriter({ db, runId, attempt, onWrite }: RunWriterOptions): RunWriter {
  async function commit(changes: SQL, events: readonly NewEvent[], alsoInserts: SQL = sql``): Promise<void> {
    const { rowCount } = await orUnavailable(() =>
      db.execute(sql`
        WITH held AS (
          UPDATE runs SET ${changes}, last_seq = last_seq + ${events.length}
          WHERE run_id = ${runId} AND attempt = ${attempt} AND status = 'running'
          RETURNING run_id, last_seq - ${events.length} AS base
        )${alsoInserts}
        ${insertEvents(events)}`),
    );
    if (rowCount !== events.length) throw lost(runId);
    onWrite(runId);
  }

  return {
    runId,
    attempt,
    write({ events, plan, step }: RunBatch) {
      return commit(sql`plan = coalesce(${toJson(plan)}::json, plan)`, events, step === undefined ? sql`` : insertStep(step, attempt));
    },
    finish: (outcome, events) => commit(setOutcome(outcome), events),
  };
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

function insertStep({ sliceId, agentId, step }: NonNullable<RunBatch['step']>, attempt: number): SQL {
  return sql`, stepped AS (
    INSERT INTO run_steps (run_id, slice_id, step_index, agent_id, attempt, step)
    SELECT held.run_id, ${sliceId}::text, ${step.index}::integer, ${agentId}::text, ${attempt}::integer, ${toJson(step)}::json FROM held
  )`;
}

/** What is needed to resume a run goes with its end: messages and the bearer. */
export function setOutcome({ status, slices, usage, error }: RunOutcome): SQL {
  return sql`status = ${status}, finished_at = now(), lease_until = NULL, request = NULL, data_bearer = NULL,
    slices = ${toJson(slices)}::json, usage = ${toJson(usage)}::json, error = ${toJson(error)}::json`;
}

export function toJson(value: unknown): string | null {
  return value === undefined ? null : JSON.stringify(value);
}

function lost(runId: string): RubotError {
  return new RubotError('conflict', `The run ${runId} has ended or goes on elsewhere. Read it at /v1/runs/${runId}/events.`);
}
