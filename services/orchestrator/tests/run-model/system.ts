import { SLOT_TYPES } from '@rubot/contracts/agent';
import { RubotError } from '@rubot/errors';
import { drizzle } from 'drizzle-orm/node-postgres';
import pg from 'pg';
import { expect, onTestFinished } from 'vitest';
import { createPostgresRunStore } from '../../src/runs/postgres/run-store.ts';
import type { TenantLimits } from '../../src/runs/postgres/store-context.ts';
import { createTickets, type Tickets } from '../../src/runs/postgres/tickets.ts';
import type { RunStore, RunWriter } from '../../src/runs/run-store.ts';
import { type DatabaseOfTest, openTestDatabase } from '../_database.ts';
import type { ModelRun, RunModel } from './model.ts';

/** A statement as it reaches the database; a test may spoil it on its way. */
export type Rewrite = (text: string) => string;

/** The store as two processes have it, and the database behind them. */
export interface RunSystem {
  readonly stores: readonly [RunStore, RunStore];
  /** Every right to write that was ever given out, the newest last. */
  readonly writers: RunWriter[];
  /** Empty again, with these limits, and nobody holds anything. */
  reset(limits: TenantLimits): Promise<void>;
  /** Makes time pass for one run alone: its lease is over. */
  lapse(runId: string): Promise<void>;
  /** Makes time pass for one ticket alone: it can be had. */
  makeDue(runId: string): Promise<void>;
  read(): Promise<Snapshot>;
}

/** All that model and store must agree about. */
export interface Snapshot {
  readonly runs: Readonly<Record<string, unknown>>;
  readonly tickets: Readonly<Record<string, string>>;
  readonly dead: readonly string[];
  readonly sessions: Readonly<Record<string, unknown>>;
  readonly keys: Readonly<Record<string, string>>;
}

const LEASE_MS = 3_600_000;
const QUEUES = SLOT_TYPES.map((type) => `'runs_${type}'`).join(', ');
const EMPTY = `DELETE FROM runs; DELETE FROM run_events; DELETE FROM run_steps; DELETE FROM idempotency_keys;
  DELETE FROM sessions; DELETE FROM session_turns; DELETE FROM pgboss.job`;
const READ = `
  SELECT run_id, tenant_id, status, slot_type, attempt, crash_count, failure_count, last_seq, lease_until <= now() AS is_lapsed, lease_until IS NOT NULL AS is_held,
    request IS NOT NULL AS is_kept, data_bearer IS NOT NULL AS has_bearer, dead_at IS NOT NULL AS is_dead, pending_calls, decisions FROM runs;
  SELECT run_id, seq, type, data FROM run_events ORDER BY run_id, seq;
  SELECT run_id, slice_id, step_index FROM run_steps ORDER BY run_id, slice_id, step_index;
  SELECT data ->> 'run_id' AS run_id, name, start_after > now() AS is_delayed, state FROM pgboss.job;
  SELECT tenant_id, session_id, active_run_id, turn_count, (SELECT count(*)::integer FROM session_turns AS turns
    WHERE turns.tenant_id = sessions.tenant_id AND turns.session_id = sessions.session_id) AS kept_count FROM sessions;
  SELECT tenant_id, key, run_id FROM idempotency_keys`;

/** One for a whole test: sequences follow each other in it. */
export async function openRunSystem(rewrite: Rewrite = (text) => text): Promise<RunSystem> {
  const database = await openTestDatabase();
  const { pool, tickets, openStore } = await openProcesses(database, rewrite);
  const writers: RunWriter[] = [];
  const unlimited: TenantLimits = { concurrency: undefined, queueDepth: 1_000 };
  let stores: [RunStore, RunStore] = [openStore(unlimited, tickets), openStore(unlimited, tickets)];

  return {
    get stores() {
      return stores;
    },
    writers,
    async reset(limits) {
      await pool.query(EMPTY);
      writers.length = 0;
      stores = [openStore(limits, tickets), openStore(limits, tickets)];
    },
    async lapse(runId) {
      await database.query(`UPDATE runs SET lease_until = now() - interval '1 second' WHERE run_id = $1 AND status = 'running'`, [runId]);
    },
    async makeDue(runId) {
      await database.query(`UPDATE pgboss.job SET start_after = now() - interval '1 second' WHERE data ->> 'run_id' = $1`, [runId]);
    },
    read: () => readSnapshot(pool),
  };
}

async function openProcesses(database: DatabaseOfTest, rewrite: Rewrite) {
  class RewritingClient extends pg.Client {
    override query(config: unknown, ...rest: unknown[]): never {
      const isText = typeof config === 'object' && config !== null && 'text' in config && typeof config.text === 'string';
      const rewritten = isText ? { ...config, text: rewrite(config.text as string) } : config;
      return (pg.Client.prototype.query as (...args: unknown[]) => never).call(this, rewritten, ...rest);
    }
  }
  const pool = new pg.Pool({ connectionString: database.url, max: 8, Client: RewritingClient });
  pool.on('error', () => {});
  const db = drizzle(pool);
  const tickets = createTickets(db, (error) => expect.fail(`pg-boss: ${error.message}`));
  await tickets.start();
  onTestFinished(async () => {
    await tickets.stop();
    await pool.end();
  });
  let processCount = 0;
  const openStore = (limits: TenantLimits, shared: Tickets): RunStore => {
    processCount += 1;
    return createPostgresRunStore({
      db,
      tickets: shared,
      workerId: `w${processCount}`,
      leaseMs: LEASE_MS,
      limits,
      backgroundTimeoutMs: 60_000,
      watchIntervalMs: 1_000,
      onQueued() {},
      onEnded() {},
      settle: async () => {},
      prices: undefined,
    });
  };
  return { pool, tickets, openStore };
}

type Row = Readonly<Record<string, unknown>>;

async function readSnapshot(pool: pg.Pool): Promise<Snapshot> {
  // Several statements at once come back as several results, which the type does not tell.
  const results = (await pool.query(READ)) as unknown as readonly { readonly rows: readonly Row[] }[];
  const [runs = [], events = [], steps = [], jobs = [], sessions = [], keys = []] = results.map(({ rows }) => rows);
  const of = (rows: readonly Row[], runId: unknown) => rows.filter((row) => row['run_id'] === runId);
  return {
    runs: Object.fromEntries(runs.map((run) => [run['run_id'], toRun(run, of(events, run['run_id']), of(steps, run['run_id']))])),
    tickets: Object.fromEntries(
      jobs.filter(({ name }) => QUEUES.includes(String(name))).map((job) => [job['run_id'], toTicket(job, of(jobs, job['run_id']))]),
    ),
    dead: jobs
      .filter(({ name }) => name === 'runs_dead')
      .map((job) => String(job['run_id']))
      .sort(),
    sessions: Object.fromEntries(
      sessions.map((row) => [`${row['tenant_id']}/${row['session_id']}`, [row['active_run_id'], row['turn_count'], row['kept_count']]]),
    ),
    keys: Object.fromEntries(keys.map((row) => [`${row['tenant_id']}/${row['key']}`, String(row['run_id'])])),
  };
}

function toRun(run: Row, events: readonly Row[], steps: readonly Row[]): unknown {
  const { status, slot_type: slotType, attempt, crash_count: crashes, failure_count: failures, last_seq: lastSeq } = run;
  const pending = ((run['pending_calls'] ?? []) as { tool_call_id: string }[]).map((call) => call.tool_call_id);
  const decided = Object.entries((run['decisions'] ?? {}) as Record<string, { decision: string }>).map(
    ([call, { decision }]) => `${call} ${decision}`,
  );
  return {
    state: `${status} ${slotType}, attempt ${attempt}, ${crashes} crashes, ${failures} failures, last event ${lastSeq}`,
    lease: run['is_held'] === true ? (run['is_lapsed'] === true ? 'lapsed' : 'held') : 'none',
    keeps: { request: run['is_kept'], bearer: run['has_bearer'], asDeadLetter: run['is_dead'] },
    pending,
    decided: run['is_kept'] === true ? decided.sort() : [],
    events: events.map((event) => `${event['seq']} ${toSaid(event)}`),
    steps: steps.map((step) => `${step['slice_id']}/${step['step_index']}`),
  };
}

interface EventData {
  readonly attempt?: number;
  readonly status?: string;
  readonly decision?: string;
  readonly tool_call_id?: string;
  readonly choices?: readonly { readonly delta: { readonly content?: string } }[];
}

function toSaid({ type, data }: Row): string {
  const { attempt, status, decision, tool_call_id: call, choices } = data as EventData;
  if (type === 'chunk') return `chunk ${choices?.[0]?.delta.content}`;
  if (type === 'restart') return `restart ${attempt}`;
  if (type === 'end') return `end ${status}`;
  return type === 'approval' ? `approval ${call} ${decision}` : String(type);
}

function toTicket({ name, is_delayed: isDelayed, state }: Row, all: readonly Row[]): string {
  const inQueues = all.filter((job) => QUEUES.includes(String(job['name'])));
  return `${inQueues.length} in ${name}, ${state}${isDelayed === true ? ', delayed' : ''}`;
}

/** The same of the model, as the store shall have it. */
export function toSnapshot({ runs, tickets, sessions, keys }: RunModel): Snapshot {
  const all = [...runs.values()];
  return {
    runs: Object.fromEntries(all.map((run) => [run.id, toExpectedRun(run)])),
    tickets: Object.fromEntries(
      [...tickets].map(([id, { slotType, isDelayed }]) => [id, `1 in runs_${slotType}, created${isDelayed ? ', delayed' : ''}`]),
    ),
    dead: all
      .filter(({ isDead }) => isDead)
      .map(({ id }) => id)
      .sort(),
    sessions: Object.fromEntries([...sessions].map(([name, { active, turns }]) => [name, [active, turns, turns]])),
    keys: Object.fromEntries([...keys].map(([name, { runId }]) => [name, runId])),
  };
}

function toExpectedRun(run: ModelRun): unknown {
  const { status, slotType, attempt, crashCount, failureCount, isLapsed, isDead, hasBearer, events, steps, pending, decided } = run;
  const isOver = !['queued', 'running', 'requires_action'].includes(status);
  return {
    state: `${status} ${slotType}, attempt ${attempt}, ${crashCount} crashes, ${failureCount} failures, last event ${events.length}`,
    lease: status === 'running' ? (isLapsed ? 'lapsed' : 'held') : 'none',
    keeps: { request: !isOver || isDead, bearer: hasBearer, asDeadLetter: isDead },
    pending: isOver ? [] : pending,
    decided:
      isOver && !isDead
        ? []
        : Object.entries(decided)
            .map(([call, decision]) => `${call} ${decision}`)
            .sort(),
    events: events.map((said, index) => `${index + 1} ${said}`),
    steps,
  };
}

/** What a call of the store said: its answer, or the code of its refusal. */
export async function toSaying(promise: Promise<unknown>): Promise<string> {
  try {
    const value = await promise;
    return value === undefined ? 'done' : String(value);
  } catch (thrown) {
    if (RubotError.is(thrown)) return thrown.code;
    throw thrown;
  }
}
