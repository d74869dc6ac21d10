import { type FakeAgent, startFakeAgent } from '@rubot/testkit/fake-agent';
import { followPlan } from '@rubot/testkit/fake-agent/follow-plan';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type DatabaseOfTest, openTestDatabase } from './_database.ts';
import { ask, gatewayHeaders, type Orchestrator, RUN_ID, readError, startOrchestrator } from './_harness.ts';
import { askRuns, readEvents, textOf } from './_runs.ts';
import { countRows, postRun, startRun, untilStatus } from './_sending.ts';

let tables: FakeAgent;
let database: DatabaseOfTest;
beforeEach(async () => {
  tables = await startFakeAgent({ id: 'tables' });
  database = await openTestDatabase();
});
afterEach(() => tables.close());

function start(env: Record<string, string> = {}): Promise<Orchestrator> {
  return startOrchestrator({ agents: [tables], database, env });
}

const startApi = () => start({ RUBOT_ROLE: 'api' });

/** The state of the run, with the names of the lines in which it has a ticket. */
async function readState(runId = RUN_ID): Promise<{ status: string | undefined; tickets: string[] }> {
  const [run] = await database.query<{ status: string }>('SELECT status FROM runs WHERE run_id = $1', [runId]);
  const tickets = await database.query<{ name: string }>("SELECT name FROM pgboss.job WHERE data ->> 'run_id' = $1", [runId]);
  return { status: run?.status, tickets: tickets.map(({ name }) => name) };
}

async function untilState(status: string, tickets: string[]): Promise<void> {
  await vi.waitFor(async () => expect(await readState()).toEqual({ status, tickets }), { timeout: 10_000, interval: 10 });
}

interface Break {
  readonly condition?: string;
  readonly isAtCommit?: boolean;
}

/** From now on every such change of the table fails. @returns what mends it */
async function breakTable(
  table: string,
  change: string,
  { condition = 'true', isAtCommit = false }: Break = {},
): Promise<() => Promise<void>> {
  await database.query(`CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'broken'; END $$`);
  const [trigger, moment, deferral] = isAtCommit
    ? ['CONSTRAINT TRIGGER', 'AFTER', 'DEFERRABLE INITIALLY DEFERRED']
    : ['TRIGGER', 'BEFORE', ''];
  await database.query(
    `CREATE ${trigger} broken ${moment} ${change} ON ${table} ${deferral} FOR EACH ROW WHEN (${condition}) EXECUTE FUNCTION refuse()`,
  );
  return async () => void (await database.query(`DROP TRIGGER broken ON ${table}`));
}

describe('a run has one ticket when it waits for a slot, and none otherwise', () => {
  it('from its acceptance to its end', async () => {
    tables.onCompletion((exchange) => exchange.begin());
    const api = await startApi();
    await startRun(api, 'hi', { runId: RUN_ID });
    expect(await readState()).toEqual({ status: 'queued', tickets: ['runs_cpu'] });
    const worker = await start();
    const exchange = await tables.nextCompletion();
    expect(await readState()).toEqual({ status: 'running', tickets: [] });
    await database.query("UPDATE runs SET lease_until = now() - interval '1 second'");
    await worker.deps.dispatcher.stop();
    await worker.deps.sweeper.sweep();
    expect(await readState()).toEqual({ status: 'queued', tickets: ['runs_cpu'] });
    tables.onCompletion((next) => next.cut('reset'));
    exchange.finish();
    await start();
    await untilState('queued', ['runs_cpu']);
    await vi.waitFor(async () => expect(await database.query('SELECT failure_count FROM runs')).toEqual([{ failure_count: 1 }]), {
      timeout: 10_000,
    });
    tables.onCompletion((next) => next.answer({ text: 'done' }));
    await database.query('UPDATE pgboss.job SET start_after = now()');
    await untilState('completed', []);
  });

  it('while it waits for a person, and when the person has decided', async () => {
    const plan = [{ text: 'Look.', calls: [{ id: 'a', needsApproval: true }] }, { text: 'Done.' }];
    tables.onCompletion(followPlan(plan));
    const orchestrator = await start();
    await startRun(orchestrator, 'hi', { runId: RUN_ID });
    await untilState('requires_action', []);
    await orchestrator.deps.dispatcher.stop();
    const decided = await fetch(`${orchestrator.url}/v1/runs/${RUN_ID}/approvals/a`, {
      method: 'POST',
      headers: gatewayHeaders(),
      body: JSON.stringify({ decision: 'approve' }),
    });
    expect(decided.status).toBe(200);
    expect(await readState()).toEqual({ status: 'queued', tickets: ['runs_cpu'] });
    await start();
    await untilState('completed', []);
  });

  it('when its process gives it back', async () => {
    tables.onCompletion((exchange) => exchange.begin());
    const orchestrator = await start();
    await startRun(orchestrator, 'hi', { runId: RUN_ID });
    await tables.nextCompletion();
    await orchestrator.deps.dispatcher.stop();
    await orchestrator.deps.activeRuns.stop();
    expect(await readState()).toEqual({ status: 'queued', tickets: ['runs_cpu'] });
  });

  it('except that one which was cancelled loses it when its turn comes', async () => {
    const api = await startApi();
    await startRun(api, 'hi', { runId: RUN_ID });
    await askRuns(api, `/${RUN_ID}/cancel`, { method: 'POST' });
    await start();
    await untilState('cancelled', []);
    expect(tables.completions).toHaveLength(0);
  });
});

describe('run and ticket change together', () => {
  it('or not at all, when a run is accepted', async () => {
    const api = await startApi();
    const before = await countRows(database);
    const mend = await breakTable('pgboss.job', 'INSERT');
    expect(await readError(await postRun(api, ask('hi'), { runId: RUN_ID, key: 'k' }))).toMatchObject({ status: 500, code: 'internal' });
    expect(await countRows(database)).toEqual(before);
    await mend();
    expect((await postRun(api, ask('hi'), { runId: RUN_ID, key: 'k' })).status).toBe(202);
  });

  it('or not at all, also when all of it was done but the commit', async () => {
    const api = await startApi();
    const before = await countRows(database);
    const mend = await breakTable('runs', 'INSERT', { isAtCommit: true });
    expect((await postRun(api, ask('hi'), { runId: RUN_ID, key: 'k' })).status).toBe(500);
    expect(await countRows(database)).toEqual(before);
    await mend();
    expect((await postRun(api, ask('hi'), { runId: RUN_ID, key: 'k' })).status).toBe(202);
  });

  it('or not at all, when it is begun', async () => {
    const api = await startApi();
    await startRun(api, 'hi', { runId: RUN_ID });
    const mend = await breakTable('runs', 'UPDATE', { condition: "NEW.status = 'running'" });
    const worker = await start();
    await worker.nextLine('queue.unread');
    expect(await readState()).toEqual({ status: 'queued', tickets: ['runs_cpu'] });
    await vi.waitFor(() => expect(worker.deps.slots.used('cpu')).toBeLessThanOrEqual(1));
    await mend();
    expect(textOf(await readEvents(worker, RUN_ID))).toBe('answer of tables');
    await vi.waitFor(() => expect(worker.deps.slots.used('cpu')).toBe(0));
  });

  it('or not at all, when it was left', async () => {
    tables.onCompletion((exchange) => exchange.begin());
    const orchestrator = await start({ SWEEP_INTERVAL_MS: '60000' });
    await startRun(orchestrator, 'hi', { runId: RUN_ID });
    await tables.nextCompletion();
    await database.query("UPDATE runs SET lease_until = now() - interval '1 second'");
    const mend = await breakTable('pgboss.job', 'INSERT');
    await orchestrator.deps.sweeper.sweep();
    expect(orchestrator.linesOf('sweep.failed')).toHaveLength(1);
    expect(await readState()).toEqual({ status: 'running', tickets: [] });
    await mend();
    tables.onCompletion((exchange) => exchange.answer({ text: 'done' }));
    await orchestrator.deps.sweeper.sweep();
    expect(textOf(await readEvents(orchestrator, RUN_ID))).toBe('done');
  });
});

describe('a new database', () => {
  it('is made ready once by however many start together', async () => {
    const orchestrators = await Promise.all(Array.from({ length: 5 }, () => start({ DATABASE_POOL_SIZE: '2' })));
    await Promise.all(orchestrators.map((orchestrator, index) => startRun(orchestrator, `question ${index}`)));
    await untilStatus(database, 'completed', 5);
  });

  it('takes a burst with as few connections as one', async () => {
    const BURST = 20;
    const orchestrator = await start({ DATABASE_POOL_SIZE: '1' });
    const responses = await Promise.all(
      Array.from({ length: BURST }, (_, index) => postRun(orchestrator, ask('hi'), { tenantId: `tenant-${index % 5}` })),
    );
    expect(responses.map(({ status }) => status)).toEqual(Array(BURST).fill(202));
    await untilStatus(database, 'completed', BURST);
  });
});
