import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { RubotError } from '@rubot/errors';
import { readMigrationFiles } from 'drizzle-orm/migrator';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openDatabase } from '../src/runs/postgres/database.ts';
import { migrate } from '../src/runs/postgres/migrate.ts';
import { createPostgresRunStore } from '../src/runs/postgres/run-store.ts';
import { createTickets } from '../src/runs/postgres/tickets.ts';
import type { ClaimedRun, NewEvent, NewRun, RunOutcome, RunStore, RunWriter } from '../src/runs/run-store.ts';
import { type DatabaseOfTest, MIGRATIONS, openEmptyDatabase, openTestDatabase } from './_database.ts';

const OWNER = { tenantId: 'acme', senderId: '+15550100' };
const NO_USAGE = { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 };
const OUTCOME: RunOutcome = { status: 'completed', slices: [], usage: NO_USAGE, error: undefined };
const END: NewEvent = { type: 'end', data: { status: 'completed' } };

function toRun(number: number, fields: Partial<NewRun> = {}): NewRun {
  return {
    runId: `run_${number.toString(16).padStart(32, '0')}`,
    caller: { ...OWNER, sessionId: 's', dataBearer: 'the-data-bearer' },
    request: { model: 'rubot', messages: [{ role: 'user', content: 'hi' }] },
    bearerGrant: undefined,
    allowedAgents: null,
    timeoutMs: 60_000,
    isBackground: false,
    priority: 'normal',
    slotType: 'cpu',
    isLimited: false,
    traceId: 'a'.repeat(32),
    spanId: 'b'.repeat(16),
    ...fields,
  };
}

function chunk(text: string): NewEvent {
  return { type: 'chunk', data: { choices: [{ index: 0, delta: { content: text }, finish_reason: null }] } };
}

function step(index: number) {
  const messages = [{ role: 'assistant' as const, content: `step ${index}` }];
  return { sliceId: 's1', agentId: 'tables', step: { index, messages, usage: NO_USAGE } };
}

interface Process extends RunStore {
  begin(run: NewRun): Promise<RunWriter>;
  /** What a process does with runs that others have left: they wait again, and are taken. */
  takeLeft(limit: number): Promise<readonly ClaimedRun[]>;
}

/** A store over a pool of its own, as another process has it. */
async function openStore(database: DatabaseOfTest, leaseMs = 60_000): Promise<Process> {
  const { db, close } = openDatabase({ url: database.url, maxConnections: 5 });
  const tickets = createTickets(db, () => {});
  await tickets.start();
  onTestFinished(async () => {
    await tickets.stop();
    await close();
  });
  const limits = { concurrency: undefined, queueDepth: 1_000 };
  const times = { leaseMs, backgroundTimeoutMs: 60_000, watchIntervalMs: 50 };
  const store = createPostgresRunStore({
    db,
    tickets,
    workerId: 'test',
    limits,
    ...times,
    onQueued() {},
    onEnded() {},
    settle: async () => {},
    prices: undefined,
  });
  return {
    ...store,
    async begin(run) {
      const admitted = await store.admit({ run, mayBegin: true, idempotency: undefined, session: undefined });
      if (admitted.status !== 'begun') throw new Error(`the run is ${admitted.status}`);
      return admitted.writer;
    },
    async takeLeft(limit) {
      await store.requeueLapsed(limit);
      return store.claimQueued('cpu', limit);
    },
  };
}

/** What time would do. */
async function lapse(database: DatabaseOfTest): Promise<void> {
  await database.query("UPDATE runs SET lease_until = now() - interval '1 second' WHERE status = 'running'");
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'written',
    (thrown: unknown) => (RubotError.is(thrown) ? thrown.code : String(thrown)),
  );
}

describe('the fence', () => {
  it('refuses every write of an attempt that was superseded, and takes those of the current one', async () => {
    const database = await openTestDatabase();
    const [former, current] = [await openStore(database), await openStore(database)];
    let taken = 0;
    for (let number = 1; number <= 50; number += 1) {
      const stale = await former.begin(toRun(number));
      await stale.write({ events: [chunk('by the first')] });
      await lapse(database);
      const [claimed] = await current.takeLeft(10);
      if (claimed === undefined) throw new Error('nothing was claimed');
      expect(claimed.writer).toMatchObject({ runId: stale.runId, attempt: 2 });
      const writes = [
        stale.write({ events: [chunk('by the dead')] }),
        stale.write({ events: [chunk('by the dead')], step: step(0) }),
        stale.finish(OUTCOME, [END]),
      ];
      expect(await Promise.all(writes.map(codeOf))).toEqual(['conflict', 'conflict', 'conflict']);
      expect(await former.renew([stale])).toEqual([stale.runId]);
      await claimed.writer.write({ events: [chunk('by the second')], step: step(0) });
      await claimed.writer.finish(OUTCOME, [END]);
      taken += 1;
      const events = await current.readEvents(stale.runId, 0, 100);
      expect(events.map(({ seq, type }) => [seq, type])).toEqual([
        [1, 'start'],
        [2, 'chunk'],
        [3, 'restart'],
        [4, 'chunk'],
        [5, 'end'],
      ]);
      expect(JSON.stringify(events)).not.toContain('the dead');
    }
    expect(taken).toBe(50);
  });

  it('lets a run have one outcome, however many want to give it one', async () => {
    const database = await openTestDatabase();
    const stores = [await openStore(database), await openStore(database)];
    const counts = { written: 0, cancelled: 0 };
    for (let number = 1; number <= 60; number += 1) {
      const writer = await (stores[0] as Process).begin(toRun(number));
      const finish = () => codeOf(writer.finish(OUTCOME, [END]));
      const cancel = () => (stores[1] as Process).cancel(writer.runId, OWNER, undefined);
      const [finished, cancelled] =
        number % 2 === 0 ? await Promise.all([finish(), cancel()]) : (await Promise.all([cancel(), finish()])).toReversed();
      expect([finished === 'written', cancelled === true].filter(Boolean)).toHaveLength(1);
      if (finished === 'written') counts.written += 1;
      else counts.cancelled += 1;
      const events = await (stores[0] as Process).readEvents(writer.runId, 0, 100);
      expect(events.map(({ seq }) => seq)).toEqual([1, 2]);
      expect(await codeOf(writer.write({ events: [chunk('late')] }))).toBe('conflict');
    }
    expect(counts.written + counts.cancelled).toBe(60);
  });

  it('numbers events without gap or double, whoever writes at once', async () => {
    const database = await openTestDatabase();
    const store = await openStore(database);
    const writer = await store.begin(toRun(1));
    await Promise.all(Array.from({ length: 40 }, (_, index) => writer.write({ events: [chunk(`${index}`), chunk(`${index}b`)] })));
    const events = await store.readEvents(writer.runId, 0, 1_000);
    expect(events.map(({ seq }) => seq)).toEqual(Array.from({ length: 81 }, (_, index) => index + 1));
  });

  it('lets no step be kept twice', async () => {
    const database = await openTestDatabase();
    const writer = await (await openStore(database)).begin(toRun(1));
    await writer.write({ events: [chunk('a')], step: step(0) });
    const refused = writer.write({ events: [chunk('b')], step: step(0) });
    await expect(refused).rejects.toThrow(/duplicate key/);
    // What was to be written is none of the log's business.
    await expect(refused).rejects.not.toThrow(/step 0|INSERT/);
    expect(await database.findRun(writer.runId)).toMatchObject({ stepCount: 1, lastSeq: 2 });
  });
});

describe('runs that were left', () => {
  it('go to one of those that look for them, each once, with all that is needed to go on', async () => {
    const database = await openTestDatabase();
    const store = await openStore(database);
    for (let number = 1; number <= 40; number += 1) {
      const writer = await store.begin(toRun(number, { allowedAgents: ['tables'] }));
      await writer.write({ events: [chunk('a')], step: step(0), plan: { planner: 'none', usage: NO_USAGE, slices: [] } });
    }
    expect(await store.takeLeft(100)).toEqual([]);
    await lapse(database);
    const others = await Promise.all(Array.from({ length: 8 }, () => openStore(database)));
    const claims = (await Promise.all(others.map((other) => other.takeLeft(7)))).flat();
    expect(new Set(claims.map(({ runId }) => runId)).size).toBe(claims.length);
    const rest = await store.takeLeft(100);
    expect(claims.length + rest.length).toBe(40);
    expect(claims.length).toBeGreaterThan(7);
    expect(claims[0]).toMatchObject({
      caller: { ...OWNER, sessionId: 's', dataBearer: 'the-data-bearer' },
      request: { model: 'rubot', messages: [{ role: 'user', content: 'hi' }] },
      allowedAgents: ['tables'],
      plan: { planner: 'none' },
      steps: [step(0)],
    });
    expect(claims[0]?.timeoutMs).toBeGreaterThan(50_000);
  });

  it('are not said to have crashed when they were handed back', async () => {
    const database = await openTestDatabase();
    const store = await openStore(database);
    const writer = await store.begin(toRun(1));
    await store.handBack([writer]);
    expect(await store.claimQueued('cpu', 10)).toMatchObject([{ writer: { attempt: 2 } }]);
    expect(await database.query('SELECT crash_count FROM runs')).toEqual([{ crash_count: 0 }]);
    await lapse(database);
    expect(await store.takeLeft(10)).toMatchObject([{ writer: { attempt: 3 } }]);
    expect(await database.query('SELECT crash_count FROM runs')).toEqual([{ crash_count: 1 }]);
  });

  it('are kept as long as they are renewed', async () => {
    const database = await openTestDatabase();
    const store = await openStore(database);
    const writer = await store.begin(toRun(1));
    await lapse(database);
    expect(await store.renew([writer])).toEqual([]);
    expect(await store.takeLeft(10)).toEqual([]);
  });
});

describe('what is kept', () => {
  it('is whatever people and models write', async () => {
    const store = await openStore(await openTestDatabase());
    const odd = 'nul \u0000, half \ud800, 🙂, "quotes", \\, {}';
    const request = { model: 'rubot', messages: [{ role: 'user' as const, content: odd }] };
    const writer = await store.begin(toRun(1, { request }));
    await writer.write({ events: [chunk(odd)] });
    expect(JSON.stringify(await store.readEvents(writer.runId, 1, 10))).toContain(JSON.stringify(odd));
  });

  it('loses messages and bearer when the run ends', async () => {
    const database = await openTestDatabase();
    const writer = await (await openStore(database)).begin(toRun(1));
    expect(JSON.stringify(await database.query('SELECT * FROM runs'))).toContain('the-data-bearer');
    await writer.finish(OUTCOME, [END]);
    expect(JSON.stringify(await database.query('SELECT * FROM runs'))).not.toMatch(/the-data-bearer|"hi"/);
  });

  it('is one run an id', async () => {
    const store = await openStore(await openTestDatabase());
    await store.begin(toRun(1));
    expect(await codeOf(store.begin(toRun(1)))).toBe('conflict');
  });
});

/** As the version had them that did not know this one yet. */
async function copyMigrations(before: string): Promise<URL> {
  const folder = pathToFileURL(`${await mkdtemp(join(tmpdir(), 'rubot-migrations-'))}/`);
  onTestFinished(() => rm(folder, { recursive: true }));
  const journal = JSON.parse(await readFile(new URL('meta/_journal.json', MIGRATIONS), 'utf8')) as { entries: { tag: string }[] };
  const entries = journal.entries.slice(
    0,
    journal.entries.findIndex(({ tag }) => tag === before),
  );
  expect(entries.length).toBeGreaterThan(0);
  await mkdir(new URL('meta/', folder));
  await writeFile(new URL('meta/_journal.json', folder), JSON.stringify({ ...journal, entries }));
  for (const { tag } of entries) await copyFile(new URL(`${tag}.sql`, MIGRATIONS), new URL(`${tag}.sql`, folder));
  return folder;
}

describe('the schema', () => {
  it('is made once by however many start together', async () => {
    const database = await openEmptyDatabase();
    const pools = Array.from({ length: 6 }, () => openDatabase({ url: database.url, maxConnections: 2 }));
    onTestFinished(async () => void (await Promise.all(pools.map(({ close }) => close()))));
    await Promise.all(pools.map(({ db }) => migrate(db, MIGRATIONS)));
    const { length: known } = readMigrationFiles({ migrationsFolder: fileURLToPath(MIGRATIONS) });
    expect(await database.query('SELECT * FROM rubot_migrations')).toHaveLength(known);
    await expect((await openStore(database)).begin(toRun(1))).resolves.toMatchObject({ attempt: 1 });
  });

  it('takes over what the version before limits has left, open or ended', async () => {
    const database = await openEmptyDatabase();
    const { db, close } = openDatabase({ url: database.url, maxConnections: 1 });
    onTestFinished(close);
    await migrate(db, await copyMigrations('0003_limits'));
    const insert = `INSERT INTO runs (run_id, tenant_id, session_id, sender_id, model, status, attempt, last_seq, request, trace_id, span_id, lease_until)
      VALUES ($1, 'acme', 's', '+15550100', 'rubot', $2, 1, 1, '{"model":"rubot","messages":[{"role":"user","content":"hi"}]}', $3, 'b', now() - interval '1 second')`;
    const [open, ended] = [toRun(1), toRun(2)];
    await database.query(insert, [open.runId, 'running', open.traceId]);
    await database.query(insert, [ended.runId, 'completed', ended.traceId]);
    await migrate(db, MIGRATIONS);
    const process = await openStore(database);
    const [claimed] = await process.takeLeft(5);
    expect(claimed).toMatchObject({ runId: open.runId, isLimited: false });
    await claimed?.writer.finish(OUTCOME, [END]);
    expect((await process.listOfTrace(open.traceId, 10, OWNER)).map(({ id, cost_usd: cost }) => [id, cost])).toEqual([
      [open.runId, null],
      [ended.runId, null],
    ]);
  });

  it('is refused when a later version made it', async () => {
    const database = await openTestDatabase();
    await database.query('INSERT INTO rubot_migrations VALUES ($1, $2)', [9_999_999_999_999, 'of-2030']);
    const { db, close } = openDatabase({ url: database.url, maxConnections: 1 });
    onTestFinished(close);
    await expect(migrate(db, MIGRATIONS)).rejects.toThrow(/newer schema \(9999999999999\) than this version knows \(\d+\); deploy/);
  });

  it('is not looked for where no database answers', async () => {
    const { db, close } = openDatabase({ url: 'postgres://u:p@127.0.0.1:1/x', maxConnections: 1 });
    onTestFinished(close);
    await expect(migrate(db, MIGRATIONS)).rejects.toThrow(/DATABASE_URL leads to no database that answers/);
  });
});
