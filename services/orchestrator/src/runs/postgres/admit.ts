import { RubotError } from '@rubot/errors';
import { type SQL, sql } from 'drizzle-orm';
import type { Admission, Admitted, NewEvent, NewRun, RunWriter } from '../run-store.ts';
import { isCovered, toEntryRefusal } from './covered.ts';
import type { Executor } from './database.ts';
import { enterSession } from './enter-session.ts';
import { insertEvents } from './fenced-update.ts';
import { findByKey, insertKey } from './idempotency-keys.ts';
import { placeOf } from './place.ts';
import { readEarlier } from './sessions.ts';
import { countOf, leaseOf, type StoreContext, toJson } from './store-context.ts';
import { hasRoom } from './tenant-concurrency.ts';

type ToWriter = (run: NewRun, attempt: number, isRemembered: boolean) => RunWriter;

/** Lets a run in: begun where that may be, else into the queue. Everything of it is committed, or nothing. */
export async function admit(context: StoreContext, admission: Admission, toWriter: ToWriter): Promise<Admitted> {
  const { session, idempotency } = admission;
  const isPlain = session === undefined && idempotency === undefined && context.limits.concurrency === undefined;
  const admitted = isPlain ? await admitTogether(context, admission, toWriter) : undefined;
  return admitted ?? admitAlone(context, admission, toWriter);
}

/** @returns undefined where it has to be counted by itself */
async function admitTogether(
  { db, admissions, onQueued }: StoreContext,
  { run, mayBegin }: Admission,
  toWriter: ToWriter,
): Promise<Admitted | undefined> {
  const admitted = mayBegin ? await admissions.begin(run) : await admissions.enqueue(run);
  if (admitted === 'not_inserted') throw await toEntryRefusal(db, run);
  if (admitted === 'near') return undefined;
  if (admitted === 'begun') return { status: 'begun', writer: toWriter(run, 1, false), earlier: [] };
  onQueued(run.slotType);
  return admitted;
}

async function admitAlone(context: StoreContext, admission: Admission, toWriter: ToWriter): Promise<Admitted> {
  const { run, mayBegin, session } = admission;
  if (mayBegin && session === undefined && context.limits.concurrency === undefined) return beginAtOnce(context, admission, toWriter);
  const admitted = await context.db.transaction((transaction) => admitInTurn(context, transaction, admission, toWriter));
  if (admitted.status === 'queued') context.onQueued(run.slotType);
  return admitted;
}

/** One statement, as it stands in the way of the first word. */
async function beginAtOnce(context: StoreContext, admission: Admission, toWriter: ToWriter): Promise<Admitted> {
  const { run, idempotency } = admission;
  // A key is kept with the run that it begins, and with no other.
  const isNew = sql`NOT EXISTS (SELECT 1 FROM runs WHERE run_id = ${run.runId}) AND ${isCovered(run)}`;
  const source = idempotency === undefined ? sql`SELECT 1 WHERE ${isCovered(run)}` : insertKey(idempotency, run.runId, run.caller, isNew);
  const { rowCount } = await context.db.execute(sql`
    WITH let_in AS (${source}), held AS (${insertRun(context, run, { status: 'running', turn: 'free' })})
    ${insertEvents([toStart(run, 1)])}`);
  if (rowCount === 1) return { status: 'begun', writer: toWriter(run, 1, false), earlier: [] };
  const known = await findKnown(context.db, admission);
  if (known === undefined) throw await toEntryRefusal(context.db, run);
  return known;
}

async function admitInTurn(context: StoreContext, transaction: Executor, admission: Admission, toWriter: ToWriter): Promise<Admitted> {
  const { run, idempotency, session, mayBegin } = admission;
  if (idempotency !== undefined) {
    const { rowCount } = await transaction.execute(insertKey(idempotency, run.runId, run.caller, sql`true`));
    const known = rowCount === 0 ? await findKnown(transaction, admission) : undefined;
    if (known !== undefined) return known;
  }
  const turn: Turn = session === undefined ? 'free' : await enterSession(context, transaction, run, session);
  if (mayBegin && turn !== 'taken' && (await hasRoom(context, transaction, run.caller.tenantId))) {
    await insert(context, transaction, run, { status: 'running', turn });
    const earlier = turn === 'own' ? await readEarlier(transaction, run.caller) : [];
    return { status: 'begun', writer: toWriter(run, 1, turn === 'own'), earlier };
  }
  const { place, createdAtSeconds } = await enqueue(context, transaction, run, turn);
  const { runId, caller, slotType } = run;
  // Whoever waits for its session gets its ticket when the turn is its own.
  if (turn !== 'taken') await context.tickets.insert(transaction, [{ runId, tenantId: caller.tenantId, slotType, place, delayMs: 0 }]);
  return { status: 'queued', createdAtSeconds };
}

/** "rubo" in ASCII. */
const QUEUE_LOCK = 0x7275626f;

async function enqueue(
  context: StoreContext,
  transaction: Executor,
  run: NewRun,
  turn: Turn,
): Promise<{ place: number; createdAtSeconds: number }> {
  const { tenantId } = run.caller;
  // Of one tenant, one after the other: else those who count at the same time all find the last place free.
  await transaction.execute(sql`SELECT pg_advisory_xact_lock(${QUEUE_LOCK}, hashtext(${tenantId}))`);
  const { rows } = await transaction.execute<{ waiting: number; place: number; created_at: number }>(sql`
    SELECT waiting, ${placeOf(run.priority, sql`waiting`)} AS place, floor(extract(epoch FROM now()))::integer AS created_at
    FROM (SELECT (${countOf(tenantId, 'queued')})::integer AS waiting) AS line`);
  const [line] = rows;
  if (line === undefined) throw new TypeError('a count is always one row');
  if (line.waiting >= context.limits.queueDepth) throw queueFull(line.waiting);
  await insert(context, transaction, run, { status: 'queued', turn });
  return { place: line.place, createdAtSeconds: line.created_at };
}

/** Whose turn it is in the session of a run; `free` where none is remembered. */
type Turn = 'free' | 'own' | 'taken';

interface Entry {
  readonly status: 'running' | 'queued';
  readonly turn: Turn;
}

async function insert(context: StoreContext, transaction: Executor, run: NewRun, entry: Entry): Promise<void> {
  const { rowCount } = await transaction.execute(sql`
    WITH let_in AS (SELECT 1 WHERE ${isCovered(run)}), held AS (${insertRun(context, run, entry)})
    ${insertEvents([toStart(run, entry.status === 'running' ? 1 : 0)])}`);
  if (rowCount === 0) throw await toEntryRefusal(transaction, run);
}

/** Inserts the run where `let_in` has a row. */
function insertRun(context: StoreContext, run: NewRun, { status, turn }: Entry): SQL {
  const { runId, caller, bearerGrant, request, allowedAgents, timeoutMs, isBackground, priority, slotType, traceId, spanId, isLimited } =
    run;
  const isRunning = status === 'running';
  const deadline = isBackground ? sql`NULL` : sql`now() + ${timeoutMs} * interval '1 millisecond'`;
  return sql`
    INSERT INTO runs (run_id, tenant_id, session_id, sender_id, model, status, priority, slot_type, is_background, is_remembered, is_limited,
      attempt, last_seq, lease_until, worker_id, queued_at, request, allowed_agents, data_bearer, bearer_grant, trace_id, span_id, deadline_at, timeout_ms)
    SELECT ${runId}::text, ${caller.tenantId}::text, ${caller.sessionId}::text, ${caller.senderId}::text, ${request.model}::text, ${status}::text,
      ${priority}::text, ${slotType}::text, ${isBackground}::boolean, ${turn !== 'free'}::boolean, ${isLimited}::boolean, ${isRunning ? 1 : 0}::integer, 1,
      ${isRunning ? leaseOf(context) : sql`NULL::timestamptz`}, ${isRunning ? context.workerId : null}::text,
      ${isRunning || turn === 'taken' ? sql`NULL::timestamptz` : sql`now()`}, ${toJson(request)}::json, ${toJson(allowedAgents)}::json, ${caller.dataBearer ?? null}::text,
      ${bearerGrant ?? null}::text, ${traceId}::text, ${spanId}::text, (${deadline})::timestamptz, ${timeoutMs}::integer
    FROM let_in ON CONFLICT DO NOTHING RETURNING run_id, 0 AS base`;
}

function toStart({ runId, request }: NewRun, attempt: number): NewEvent {
  return { type: 'start', data: { run_id: runId, model: request.model, attempt } };
}

async function findKnown(executor: Executor, { idempotency, run }: Admission): Promise<Admitted | undefined> {
  if (idempotency === undefined) return undefined;
  const known = await findByKey(executor, idempotency, run.caller);
  return known === undefined ? undefined : { status: 'known', ...known };
}

const FULL_RETRY_AFTER_MS = 5_000;

function queueFull(waiting: number): RubotError {
  return new RubotError('rate_limited', `${waiting} runs of this tenant wait already. Try again when some of them are done.`, {
    retryAfterMs: FULL_RETRY_AFTER_MS,
  });
}
