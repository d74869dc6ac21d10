import type { SlotType } from '@rubot/contracts/agent';
import { NO_USAGE } from '@rubot/contracts/chat-response';
import { RubotError } from '@rubot/errors';
import { toOpenAiError } from '@rubot/errors/to-openai';
import { sql } from 'drizzle-orm';
import type { RunOutcome, RunWriter, SweepReport } from '../run-store.ts';
import { insertEvents, setOutcome } from './fenced-update.ts';
import { insertTickets, toWaiting } from './insert-tickets.ts';
import { leaveSession, lockSession } from './sessions.ts';
import { readSpent } from './spent.ts';
import { costOf, type StoreContext } from './store-context.ts';

/** A run under which this many processes have died is taken for the reason of it. */
const MAX_CRASHES = 3;

/** Puts runs that this process holds back into the queue, as no failure of anybody. */
export async function handBack(context: StoreContext, held: readonly RunWriter[]): Promise<void> {
  const runIds = sql.param(held.map(({ runId }) => runId));
  const attempts = sql.param(held.map(({ attempt }) => attempt));
  await context.db.transaction(async (transaction) => {
    const { rows } = await transaction.execute<{ run_id: string }>(sql`
      WITH mine AS MATERIALIZED (
        SELECT runs.run_id FROM runs JOIN unnest(${runIds}::text[], ${attempts}::integer[]) AS held (run_id, attempt)
          ON runs.run_id = held.run_id AND runs.attempt = held.attempt
        WHERE runs.status = 'running' ORDER BY runs.run_id FOR UPDATE OF runs
      )
      UPDATE runs SET ${toWaiting()} FROM mine WHERE runs.run_id = mine.run_id RETURNING runs.run_id`);
    await insertTickets(context, transaction, rows.map(toRunId));
  });
}

const LAPSED = sql.raw(`status = 'running' AND lease_until <= now()`);

/** Any number of processes may look at once, and as often as they like: each lapsed run is found by one. */
export async function requeueLapsed(context: StoreContext, limit: number): Promise<SweepReport> {
  const requeued = await context.db.transaction(async (transaction) => {
    const { rows } = await transaction.execute<{ run_id: string; slot_type: SlotType }>(sql`
      WITH lapsed AS MATERIALIZED (
        SELECT run_id FROM runs WHERE ${LAPSED} AND crash_count < ${MAX_CRASHES - 1} ORDER BY lease_until LIMIT ${limit} FOR UPDATE SKIP LOCKED
      )
      UPDATE runs SET ${toWaiting()}, crash_count = crash_count + 1 FROM lapsed WHERE runs.run_id = lapsed.run_id
      RETURNING runs.run_id, slot_type`);
    await insertTickets(context, transaction, rows.map(toRunId));
    return rows;
  });
  for (const type of new Set(requeued.map((row) => row.slot_type))) context.onQueued(type);
  return { requeued: requeued.map(toRunId), buried: await buryLapsed(context, limit) };
}

interface PoisonRow extends Record<string, unknown> {
  readonly run_id: string;
  readonly tenant_id: string;
  readonly session_id: string;
  readonly is_remembered: boolean;
  readonly is_limited: boolean;
}

async function buryLapsed(context: StoreContext, limit: number): Promise<readonly string[]> {
  const { rows } = await context.db.execute<PoisonRow>(sql`
    SELECT run_id, tenant_id, session_id, is_remembered, is_limited FROM runs WHERE ${LAPSED} AND crash_count >= ${MAX_CRASHES - 1}
    ORDER BY lease_until LIMIT ${limit}`);
  const buried: string[] = [];
  for (const run of rows) if (await bury(context, run)) buried.push(run.run_id);
  return buried;
}

async function bury(
  context: StoreContext,
  { run_id: runId, tenant_id: tenantId, session_id: sessionId, is_remembered: isRemembered, is_limited: isLimited }: PoisonRow,
): Promise<boolean> {
  const outcome: RunOutcome = { ...toCrash(runId), ...(await readSpent(context.db, runId)) };
  const { status, slices, usage, error } = outcome;
  const isOurs = await context.db.transaction(async (transaction) => {
    if (isRemembered) await lockSession(transaction, { tenantId, sessionId });
    const { rowCount } = await transaction.execute(sql`
      WITH held AS (
        UPDATE runs SET ${setOutcome(outcome, costOf(context, outcome))}, crash_count = crash_count + 1, last_seq = last_seq + 1
        WHERE run_id = ${runId} AND ${LAPSED} RETURNING run_id, last_seq - 1 AS base
      )
      ${insertEvents([{ type: 'end', data: { status, slices, usage, error } }])}`);
    if (rowCount === 0) return false;
    await context.tickets.bury(transaction, { runId, tenantId });
    if (isRemembered) await leaveSession(context, transaction, { runId, tenantId, sessionId });
    return true;
  });
  if (isOurs) context.onWrite(runId);
  if (isOurs && isLimited) await context.settle(runId);
  return isOurs;
}

function toRunId(row: { readonly run_id: string }): string {
  return row.run_id;
}

function toCrash(runId: string): RunOutcome {
  const reason = new RubotError(
    'run_crashed',
    `The run ${runId} was given up: ${MAX_CRASHES} processes died while they worked on it. Report it with the run id.`,
  );
  return { status: 'failed', slices: [], usage: NO_USAGE, error: toOpenAiError(reason).error, isDeadLetter: true };
}
