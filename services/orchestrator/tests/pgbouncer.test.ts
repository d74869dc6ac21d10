import { HEADERS } from '@rubot/contracts/headers';
import { type FakeAgent, startFakeAgent } from '@rubot/testkit/fake-agent';
import { findPgBouncer, type RunningPgBouncer, startPgBouncer } from '@rubot/testkit/postgres/start-pgbouncer';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { openDatabase } from '../src/runs/postgres/database.ts';
import { migrate } from '../src/runs/postgres/migrate.ts';
import { type DatabaseOfTest, MIGRATIONS, openEmptyDatabase, openTestDatabase, postgresOfFile } from './_database.ts';
import { ask, contentOf, RUN_ID, readCompletion, readError, readStream, startOrchestrator } from './_harness.ts';
import { startReplica } from './_process.ts';
import { askRuns, readEvents, readRun, textOf } from './_runs.ts';

const program = findPgBouncer(process.env['PATH'] ?? '');
if (program === undefined) {
  process.stderr.write('\nSKIPPED: what the orchestrator does behind PgBouncer, as it is not installed (apt-get install pgbouncer).\n\n');
}

/** One, so that whoever holds a connection and waits for a second one waits for ever. */
const POOL_SIZE = 1;
const ENV = { DATABASE_POOL_SIZE: '10', RUN_LEASE_MS: '600', RUN_HEARTBEAT_MS: '200', SWEEP_INTERVAL_MS: '100' };
const idOf = (index: number) => `run_${String(index).padStart(32, '0')}`;

describe.skipIf(program === undefined)('the orchestrator behind a PgBouncer in transaction mode', () => {
  let bouncer: RunningPgBouncer;
  let tables: FakeAgent;
  beforeAll(async () => {
    bouncer = await startPgBouncer(program ?? '', { postgresUrl: postgresOfFile().url, poolSize: POOL_SIZE });
  });
  afterAll(() => bouncer.dispose());
  beforeEach(async () => {
    tables = await startFakeAgent({ id: 'tables' });
  });
  afterEach(() => tables.close());

  /** The same database, by way of the pooler. */
  const through = (database: DatabaseOfTest): DatabaseOfTest => ({ ...database, url: bouncer.through(database.url) });

  async function start(database?: DatabaseOfTest) {
    return startOrchestrator({ agents: [tables], database: through(database ?? (await openTestDatabase())), env: ENV });
  }

  it('makes its schema once when replicas start together', async () => {
    const database = await openEmptyDatabase();
    const replicas = Array.from({ length: 4 }, (_, index) => index);
    await Promise.all(
      replicas.map(async () => {
        const { db, close } = openDatabase({ url: bouncer.through(database.url), maxConnections: 2 });
        await migrate(db, MIGRATIONS);
        await close();
      }),
    );
    const orchestrators = await Promise.all(replicas.map(() => start(database)));
    const answers = await Promise.all(
      orchestrators.map((orchestrator, index) => orchestrator.complete(ask('hi'), { headers: { [HEADERS.runId]: idOf(index) } })),
    );
    expect(answers.map(({ status }) => status)).toEqual(replicas.map(() => 200));
  }, 60_000);

  it('answers more at a time than there are connections', async () => {
    const COUNT = 40;
    const orchestrator = await start();
    const answers = await Promise.all(
      Array.from({ length: COUNT }, async (_, index) => {
        const stream = index % 2 === 0;
        const response = await orchestrator.complete(ask('hi', { stream }), { headers: { [HEADERS.runId]: idOf(index) } });
        return stream ? (await readStream(response)).text : contentOf(await readCompletion(response));
      }),
    );
    expect(answers).toEqual(Array.from({ length: COUNT }, () => 'answer of tables'));
    for (const index of [0, COUNT - 1]) {
      const events = await readEvents(orchestrator, idOf(index));
      expect(textOf(events)).toBe('answer of tables');
      expect(events.at(-1)).toMatchObject({ type: 'end', data: { status: 'completed' } });
    }
  }, 60_000);

  it('goes on with a run whose process was killed', async () => {
    const database = await openTestDatabase();
    tables.onCompletion((exchange) => exchange.sendText('begun '));
    const registry = { tables: tables.origin };
    const first = await startReplica({ databaseUrl: bouncer.through(database.url), registry, env: ENV });
    const second = await start(database);
    const broken = first.complete(RUN_ID, ask('hi', { stream: true })).then((response) => response.text());
    await tables.nextCompletion();
    const read = readEvents(second, RUN_ID);
    await vi.waitFor(async () => expect((await database.findRun(RUN_ID))?.lastSeq).toBeGreaterThan(1));
    first.process.kill('SIGKILL');
    await expect(broken).rejects.toThrow();
    const resumed = await tables.nextCompletion();
    resumed.sendText('and done');
    resumed.finish();
    const events = await read;
    expect(textOf(events)).toBe('begun and done');
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
    expect(events.at(-1)).toMatchObject({ type: 'end', data: { status: 'completed' } });
  }, 60_000);

  it('cancels a run, wherever it is worked on', async () => {
    const database = await openTestDatabase();
    tables.onCompletion((exchange) => exchange.sendText('begun '));
    const [first, second] = [await start(database), await start(database)];
    const answer = first.complete(ask('hi', { stream: true })).then(readStream);
    const exchange = await tables.nextCompletion();
    expect((await askRuns(second, `/${RUN_ID}/cancel`, { method: 'POST' })).status).toBe(200);
    await exchange.aborted;
    expect((await answer).error).toBeDefined();
    expect((await readRun(second, RUN_ID)).status).toBe('cancelled');
    expect((await askRuns(first, `/${RUN_ID}/cancel`, { method: 'POST' })).status).toBe(409);
  });

  it('refuses clearly while the database behind it is away, and heals', async () => {
    const orchestrator = await start();
    expect((await orchestrator.complete(ask('hi'))).status).toBe(200);
    await postgresOfFile().stop('immediate');
    const refused = await orchestrator.complete(ask('hi'), { headers: { [HEADERS.runId]: idOf(1) } });
    expect(refused.headers.get('retry-after')).toBe('1');
    expect(await readError(refused)).toMatchObject({ status: 503, code: 'unavailable' });
    await postgresOfFile().start();
    await vi.waitFor(
      async () => {
        const healed = await orchestrator.complete(ask('hi'), { headers: { [HEADERS.runId]: idOf(2) } });
        await healed.text();
        expect(healed.status).toBe(200);
      },
      { timeout: 30_000, interval: 200 },
    );
  }, 60_000);
});
