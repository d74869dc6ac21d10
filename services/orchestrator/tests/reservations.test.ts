import { randomInt } from 'node:crypto';
import { newRunId } from '@rubot/http/run-id';
import { sql } from 'drizzle-orm';
import fc from 'fast-check';
import pg from 'pg';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Verdict } from '../src/limits/decide.ts';
import type { Demand } from '../src/limits/demands.ts';
import { LIMIT_KINDS, LIMIT_OWNERS } from '../src/limits/limit-kinds.ts';
import { withCounters } from '../src/limits/postgres/counters.ts';
import { PricesJson } from '../src/limits/prices.ts';
import { type Executor, openDatabase } from '../src/runs/postgres/database.ts';
import type { NewEvent, RunOutcome, RunWriter } from '../src/runs/run-store.ts';
import { type DatabaseOfTest, openTestDatabase } from './_database.ts';
import { countReservations, type LimitedProcess, NOON, openLimits, readKept, toDemand, toLimitedRun } from './_limits.ts';

const OWNER = { tenantId: 'acme', senderId: '+15550100' };
const SEED = Number(process.env['FAST_CHECK_SEED'] ?? randomInt(2 ** 31));

function isGranted({ refusals }: Verdict): boolean {
  return refusals.length === 0;
}

/** One after the other in a random order over all processes, and all at once. */
function reserveAll(processes: readonly LimitedProcess[], demands: readonly (readonly Demand[])[]): Promise<readonly Verdict[]> {
  return Promise.all(
    demands.map((demand, index) => {
      const { reservations } = processes[index % processes.length] as LimitedProcess;
      return reservations.reserve({ runId: newRunId(), demands: demand });
    }),
  );
}

describe('calls of one moment', () => {
  it.each(LIMIT_KINDS)('cannot pass %s together, from whichever process they come', async (kind) => {
    const database = await openTestDatabase();
    const processes = await Promise.all([1, 2, 3].map(() => openLimits(database, { now: () => NOON })));
    const amounts = { limit: 100, amount: kind === 'requests_per_minute' || kind === 'concurrent_runs' ? 1 : 7 };
    const fitting = Math.floor(amounts.limit / amounts.amount);
    const demands = Array.from({ length: 150 }, () => [toDemand(kind, amounts.limit, amounts.amount)]);
    const verdicts = await reserveAll(processes, demands);
    expect(verdicts.filter(isGranted)).toHaveLength(fitting);
    expect(await readKept(database)).toEqual({ [`tenant:acme ${kind}`]: { used: fitting * amounts.amount, previous: 0 } });
    expect(await countReservations(database)).toBe(fitting);
  });

  it('take of all their limits or of none, and never wait for each other in a circle', async () => {
    process.stdout.write(`reservations in all directions: seed ${SEED}\n`);
    const database = await openTestDatabase();
    const processes = await Promise.all([1, 2, 3].map(() => openLimits(database, { now: () => NOON })));
    const demand = fc.record({
      owner: fc.constantFrom(...LIMIT_OWNERS),
      kind: fc.constantFrom(...LIMIT_KINDS),
      name: fc.constantFrom('a', 'b', 'c'),
      amount: fc.integer({ min: 1, max: 9 }),
    });
    const toKey = ({ owner, kind, name }: { owner: string; kind: string; name: string }) =>
      `${owner} ${kind} ${owner === 'global' ? '' : name}`;
    const wishes = fc.sample(fc.uniqueArray(demand, { selector: toKey, minLength: 1, maxLength: 8 }), { seed: SEED, numRuns: 400 });
    const demands = wishes.map((wish) => wish.map(({ owner, kind, name, amount }) => toDemand(kind, 150, amount, owner, name)));
    const verdicts = await reserveAll(processes, demands);
    const taken = new Map<string, number>();
    for (const [index, asked] of demands.entries()) {
      if (!isGranted(verdicts[index] as Verdict)) continue;
      for (const { scope, kind, amount } of asked) taken.set(`${scope} ${kind}`, (taken.get(`${scope} ${kind}`) ?? 0) + amount);
    }
    const kept = Object.entries(await readKept(database)).filter(([, { used }]) => used > 0);
    expect(Object.fromEntries(kept.map(([key, { used }]) => [key, used]))).toEqual(Object.fromEntries([...taken].sort()));
    expect(Math.max(...taken.values())).toBeLessThanOrEqual(150);
    const granted = verdicts.filter(isGranted).length;
    expect(granted).toBeGreaterThan(50);
    expect(verdicts.length - granted).toBeGreaterThan(50);
  });

  it('of one run are one: what is reserved for it is so once', async () => {
    const database = await openTestDatabase();
    const processes = await Promise.all([1, 2].map(() => openLimits(database)));
    const runId = newRunId();
    const demands = [toDemand('concurrent_runs', 5)];
    const verdicts = await Promise.all(processes.map(({ reservations }) => reservations.reserve({ runId, demands })));
    expect(verdicts.map(({ isNew }) => isNew).sort()).toEqual([false, true]);
    expect(verdicts.every(isGranted)).toBe(true);
    expect(await readKept(database)).toMatchObject({ 'tenant:acme concurrent_runs': { used: 1 } });
  });

  it('do not wait for the disk while they hold a counter', async () => {
    const database = await openTestDatabase();
    await database.query(`ALTER DATABASE ${new URL(database.url).pathname.slice(1)} SET synchronous_commit = on`);
    const { db, close } = openDatabase({ url: database.url, maxConnections: 1 });
    onTestFinished(close);
    const settingOf = async (executor: Executor) =>
      (await executor.execute<{ setting: string }>(sql`SELECT current_setting('synchronous_commit') AS setting`)).rows[0]?.setting;
    const within = await withCounters({ db, clock: sql`now()` }, [toDemand('concurrent_runs', 1)], settingOf);
    expect([within, await settingOf(db)]).toEqual(['off', 'on']);
  });
});

const USAGE = { prompt_tokens: 30, completion_tokens: 12, total_tokens: 42 };
const PRICES = PricesJson.parse('{"*":{"input":1,"output":10}}');
const SPENT: RunOutcome = { status: 'completed', slices: [], usage: USAGE, spendings: [{ by: 'tables', usage: USAGE }], error: undefined };
const COST_NANO_USD = (30 * 1 + 12 * 10) * 1_000;
const END: NewEvent = { type: 'end', data: { status: 'completed' } };

const HELD = [
  toDemand('requests_per_minute', 1_000),
  toDemand('tokens_per_minute', 1_000, 100),
  toDemand('concurrent_runs', 10),
  toDemand('usd_per_day', 1_000_000_000, 500_000),
  toDemand('usd_per_month', 1_000_000_000, 500_000, 'token', 'tok_1'),
];

async function begin({ reservations, runs }: LimitedProcess, demands: readonly Demand[] = HELD): Promise<RunWriter> {
  const runId = newRunId();
  const verdict = await reservations.reserve({ runId, demands });
  if (!isGranted(verdict)) throw new Error(`refused by ${verdict.refusals.map(({ demand }) => demand.kind).join()}`);
  const admitted = await runs.admit({ run: toLimitedRun(runId), mayBegin: true, idempotency: undefined, session: undefined });
  if (admitted.status !== 'begun') throw new Error(`the run is ${admitted.status}`);
  return admitted.writer;
}

async function readUsed(database: DatabaseOfTest): Promise<Readonly<Record<string, number>>> {
  return Object.fromEntries(Object.entries(await readKept(database)).map(([key, { used }]) => [key, used]));
}

const ALL_BUT_WHAT_WAS_USED = {
  'tenant:acme requests_per_minute': 1,
  'tenant:acme tokens_per_minute': 42,
  'tenant:acme concurrent_runs': 0,
  'tenant:acme usd_per_day': COST_NANO_USD,
  'token:tok_1 usd_per_month': COST_NANO_USD,
};

describe('a run that has ended', () => {
  it('is settled by what it has used, once, however many try', async () => {
    const database = await openTestDatabase();
    const processes = await Promise.all([1, 2, 3].map(() => openLimits(database, { now: () => NOON, prices: PRICES })));
    const writer = await begin(processes[0] as LimitedProcess);
    await writer.finish(SPENT, [END]);
    const tries = processes.flatMap(({ reservations }) => [reservations.settle(writer.runId), reservations.sweep(10)]);
    await Promise.all(tries);
    expect(await readUsed(database)).toEqual(ALL_BUT_WHAT_WAS_USED);
    expect(await countReservations(database)).toBe(0);
    expect(await processes[0]?.runs.find(writer.runId, OWNER)).toMatchObject({ cost_usd: COST_NANO_USD / 1e9 });
  });

  it('is settled by the sweeper where its process died before it did', async () => {
    const database = await openTestDatabase();
    const dying = await openLimits(database, { now: () => NOON, prices: PRICES, settles: false });
    const other = await openLimits(database, { now: () => NOON, prices: PRICES });
    const writer = await begin(dying);
    expect(await other.reservations.sweep(10)).toBe(0);
    await writer.finish(SPENT, [END]);
    expect(await readUsed(database)).toMatchObject({ 'tenant:acme tokens_per_minute': 100, 'tenant:acme concurrent_runs': 1 });
    const swept = await Promise.all([other, dying].map(({ reservations }) => reservations.sweep(10)));
    expect(swept.reduce((sum, count) => sum + count, 0)).toBe(1);
    expect(await readUsed(database)).toEqual(ALL_BUT_WHAT_WAS_USED);
  });

  it('gives back its place when it is cancelled, and is charged for the steps that it had done', async () => {
    const database = await openTestDatabase();
    const process = await openLimits(database, { now: () => NOON, prices: PRICES });
    const writer = await begin(process);
    const messages = [{ role: 'assistant' as const, content: 'half' }];
    await writer.write({ events: [END], step: { sliceId: 's1', agentId: 'tables', step: { index: 0, messages, usage: USAGE } } });
    expect(await process.runs.cancel(writer.runId, OWNER, undefined)).toBe(true);
    expect(await readUsed(database)).toEqual(ALL_BUT_WHAT_WAS_USED);
  });

  it('stays charged as reserved where nobody knows what it cost', async () => {
    const database = await openTestDatabase();
    const process = await openLimits(database, { now: () => NOON });
    const writer = await begin(process);
    await writer.finish(SPENT, [END]);
    expect(await readUsed(database)).toMatchObject({ 'tenant:acme usd_per_day': 500_000, 'tenant:acme concurrent_runs': 0 });
  });

  it('gives back to the minute in which it was reserved, and takes more from the one in which it is known', async () => {
    const database = await openTestDatabase();
    let nowMs = NOON;
    const process = await openLimits(database, { now: () => nowMs });
    const less = await begin(process, [toDemand('tokens_per_minute', 1_000, 100)]);
    const more = await begin(process, [toDemand('tokens_per_minute', 1_000, 10)]);
    const late = await begin(process, [toDemand('tokens_per_minute', 1_000, 100)]);
    nowMs += 60_000;
    await less.finish(SPENT, [END]);
    expect(await readKept(database)).toEqual({ 'tenant:acme tokens_per_minute': { used: 0, previous: 152 } });
    await more.finish(SPENT, [END]);
    expect(await readKept(database)).toEqual({ 'tenant:acme tokens_per_minute': { used: 32, previous: 152 } });
    nowMs += 60_000;
    await late.finish(SPENT, [END]);
    await begin(process, [toDemand('tokens_per_minute', 1_000, 1)]);
    expect(await readKept(database)).toEqual({ 'tenant:acme tokens_per_minute': { used: 1, previous: 32 } });
  });
});

describe('a run that never came to be', () => {
  it('is released when a minute is over, and not before', async () => {
    const database = await openTestDatabase();
    let nowMs = NOON;
    const process = await openLimits(database, { now: () => nowMs });
    await process.reservations.reserve({ runId: newRunId(), demands: HELD });
    nowMs += 60_000;
    expect(await process.reservations.sweep(10)).toBe(0);
    nowMs += 1;
    expect(await process.reservations.sweep(10)).toBe(1);
    const kept = await readKept(database);
    expect(Object.values(kept).map(({ used, previous }) => used + previous)).toEqual([0, 0, 0, 0, 0]);
  });

  it.each([
    ['at once', { mayBegin: true, idempotency: undefined, session: undefined }],
    ['into the queue', { mayBegin: false, idempotency: undefined, session: undefined }],
    ['under a key', { mayBegin: true, idempotency: { key: 'k', fingerprint: 'f' }, session: undefined }],
    ['into a session', { mayBegin: true, idempotency: undefined, session: 'enqueue' as const }],
  ])('is not let in any more when it was released: %s', async (_, way) => {
    const database = await openTestDatabase();
    const { reservations, runs } = await openLimits(database);
    const runId = newRunId();
    await reservations.reserve({ runId, demands: HELD });
    await reservations.release(runId);
    const late = runs.admit({ run: toLimitedRun(runId), ...way });
    await expect(late).rejects.toMatchObject({ code: 'unavailable', retryable: true });
    expect(await database.query('SELECT run_id FROM runs')).toEqual([]);
    expect(await database.query('SELECT key FROM idempotency_keys')).toEqual([]);
    await reservations.reserve({ runId, demands: HELD });
    expect(await runs.admit({ run: toLimitedRun(runId), ...way })).toMatchObject({ status: way.mayBegin ? 'begun' : 'queued' });
  });

  it('is not released while it is being let in: whoever looks passes it over', async () => {
    const database = await openTestDatabase();
    let nowMs = NOON;
    const { reservations, runs } = await openLimits(database, { now: () => nowMs });
    const runId = newRunId();
    await reservations.reserve({ runId, demands: HELD });
    nowMs += 120_000;
    const admission = new pg.Client({ connectionString: database.url });
    await admission.connect();
    onTestFinished(() => admission.end());
    // As an admission stands between its insert and its commit, on a process that is paused.
    await admission.query('BEGIN');
    await admission.query('SELECT 1 FROM reservations WHERE run_id = $1 FOR KEY SHARE', [runId]);
    expect(await reservations.sweep(10)).toBe(0);
    await admission.query('ROLLBACK');
    const entry = runs.admit({ run: toLimitedRun(runId), mayBegin: true, idempotency: undefined, session: undefined });
    const [swept, entered] = await Promise.allSettled([reservations.sweep(10), entry]);
    // One of the two, and never both.
    expect((swept.status === 'fulfilled' && swept.value === 1) !== (entered.status === 'fulfilled')).toBe(true);
  });
});
