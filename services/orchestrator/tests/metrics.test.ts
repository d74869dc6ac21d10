import { HEADERS } from '@rubot/contracts/headers';
import { type FakeAgent, startFakeAgent } from '@rubot/testkit/fake-agent';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createWorkerApp } from '../src/app.ts';
import { openTestDatabase, postgresOfFile } from './_database.ts';
import { ask, gatewayHeaders, type Orchestrator, readCompletion, readStream, startOrchestrator } from './_harness.ts';
import { METRICS_KEY, parseSamples, scrape } from './_metrics.ts';
import { startReplica } from './_process.ts';
import { askRuns, readEvents } from './_runs.ts';

const toRunId = (number: number) => `run_${String(number).padStart(32, '0')}`;

let tables: FakeAgent;
beforeEach(async () => {
  tables = await startFakeAgent({ id: 'tables' });
});
afterEach(() => tables.close());

function start(options: Partial<Parameters<typeof startOrchestrator>[0]> = {}): Promise<Orchestrator> {
  const { env = {}, ...rest } = options;
  return startOrchestrator({ agents: [tables], env: { METRICS_API_KEY: METRICS_KEY, ...env }, ...rest });
}

async function createRun({ url }: Orchestrator, number: number, headers: Record<string, string> = {}): Promise<string> {
  const runId = toRunId(number);
  const body = JSON.stringify(ask('hi'));
  const response = await fetch(`${url}/v1/runs`, {
    method: 'POST',
    headers: { ...gatewayHeaders(), [HEADERS.runId]: runId, ...headers },
    body,
  });
  expect(response.status).toBe(202);
  return runId;
}

/** Figures of the whole are as old as a moment. */
async function scrapeUntil(orchestrator: Orchestrator, expected: Readonly<Record<string, number>>): Promise<void> {
  await vi.waitFor(async () => expect(Object.fromEntries(await scrape(orchestrator))).toMatchObject(expected), {
    timeout: 5_000,
    interval: 100,
  });
}

describe('GET /metrics', () => {
  it('is not there without a key of its own, and opens with no other', async () => {
    const closed = await startOrchestrator({ agents: [tables] });
    expect((await fetch(`${closed.url}/metrics`, { headers: gatewayHeaders() })).status).toBe(404);
    const open = await start();
    expect((await fetch(`${open.url}/metrics`)).status).toBe(401);
    expect((await fetch(`${open.url}/metrics`, { headers: gatewayHeaders() })).status).toBe(401);
    const response = await fetch(`${open.url}/metrics`, { headers: { authorization: `Bearer ${METRICS_KEY}` } });
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8']);
    expect(open.linesOf('request.completed')).toEqual([]);
  });

  it('is answered by workers, too', async () => {
    const { deps } = await start({ env: { RUBOT_ROLE: 'worker', WORKER_SLOTS: 'cpu:3,gpu:2' } });
    const response = await createWorkerApp(deps).request('/metrics', { headers: { authorization: `Bearer ${METRICS_KEY}` } });
    expect(Object.fromEntries(parseSamples(await response.text()))).toMatchObject({
      'rubot_slots{slot_type="cpu"}': 3,
      'rubot_slots{slot_type="gpu"}': 2,
    });
  });

  it('tells what has not happened as 0, and what the process needs', async () => {
    const samples = Object.fromEntries(await scrape(await start()));
    expect(samples).toMatchObject({
      'rubot_runs_ended_total{status="completed"}': 0,
      'rubot_runs_accepted_total{slot_type="gpu",entry="queued"}': 0,
      'rubot_runs_refused_total{code="rate_limited"}': 0,
      'rubot_queue_depth{slot_type="cpu",priority="high"}': 0,
      'rubot_runs_waiting{reason="approval"}': 0,
      rubot_run_retries_total: 0,
      rubot_dead_letters: 0,
      rubot_database_up: 1,
      rubot_database_connections_max: 10,
      'rubot_slots{slot_type="cpu"}': 4,
      'rubot_slots_used{slot_type="gpu"}': 0,
      'rubot_first_token_seconds_count{path="in_place"}': 0,
    });
    expect(samples['process_cpu_seconds_total']).toBeGreaterThan(0);
    expect(samples['rubot_sweeps_total']).toBeGreaterThanOrEqual(0);
  });

  it('counts what came of runs, and measures how long they took', async () => {
    const orchestrator = await start({ env: { RUN_MAX_RETRIES: '0' } });
    await readStream(await orchestrator.complete(ask('hi', { stream: true }), { headers: { [HEADERS.runId]: toRunId(1) } }));
    await readCompletion(await orchestrator.complete(ask('hi'), { headers: { [HEADERS.runId]: toRunId(2) } }));
    await readEvents(orchestrator, await createRun(orchestrator, 3));
    tables.onCompletion((exchange) => exchange.cut('reset'));
    await readEvents(orchestrator, await createRun(orchestrator, 4));
    tables.onCompletion((exchange) => exchange.sendText('begun'));
    const left = orchestrator
      .complete(ask('hi', { stream: true }), { headers: { [HEADERS.runId]: toRunId(5) } })
      .then((response) => response.text());
    await vi.waitFor(async () => expect((await askRuns(orchestrator, `/${toRunId(5)}/cancel`, { method: 'POST' })).status).toBe(200));
    await left;
    await vi.waitFor(() => expect(orchestrator.deps.slots.used('cpu')).toBe(0));
    await scrapeUntil(orchestrator, {
      'rubot_runs_accepted_total{slot_type="cpu",entry="begun"}': 3,
      'rubot_runs_accepted_total{slot_type="cpu",entry="queued"}': 2,
      'rubot_runs_ended_total{status="completed"}': 3,
      'rubot_runs_ended_total{status="failed"}': 1,
      'rubot_runs_ended_total{status="cancelled"}': 1,
      'rubot_run_duration_seconds_count{status="completed"}': 3,
      'rubot_run_duration_seconds_count{status="failed"}': 1,
      'rubot_attempt_duration_seconds_count{slot_type="cpu"}': 5,
      'rubot_queue_wait_seconds_count{slot_type="cpu",priority="normal"}': 2,
      'rubot_first_token_seconds_count{path="in_place"}': 2,
      rubot_dead_letters: 1,
    });
  });

  it('measures the first words also where another process says them, and none that were said before', async () => {
    const database = await openTestDatabase();
    await start({ database });
    const api = await start({ database, env: { RUBOT_ROLE: 'api' } });
    const headers = { [HEADERS.idempotencyKey]: 'k' };
    for (const isReplay of [false, true]) {
      const response = await api.complete(ask('hi', { stream: true }), { headers });
      expect([(await readStream(response)).text, response.headers.has(HEADERS.idempotentReplayed)]).toEqual(['answer of tables', isReplay]);
    }
    await scrapeUntil(api, {
      'rubot_first_token_seconds_count{path="from_events"}': 1,
      'rubot_first_token_seconds_count{path="in_place"}': 0,
    });
  });

  it('counts runs that a request ends: interrupted, or out of time before they were begun', async () => {
    tables.onCompletion((exchange) => exchange.sendText('begun '));
    const orchestrator = await start({ env: { WORKER_SLOTS: '1' } });
    const complete = (number: number, headers: Record<string, string>) =>
      orchestrator
        .complete(ask('hi', { stream: true }), { headers: { [HEADERS.runId]: toRunId(number), ...headers } })
        .then((r) => r.text());
    const interrupted = complete(1, { [HEADERS.memory]: 'session' });
    await tables.nextCompletion();
    const late = complete(2, { [HEADERS.timeoutMs]: '300' });
    expect(await late).toContain('deadline_exceeded');
    tables.onCompletion((exchange) => exchange.answer({ text: 'ok' }));
    await complete(3, { [HEADERS.memory]: 'session', [HEADERS.sessionStrategy]: 'interrupt' });
    await interrupted;
    await scrapeUntil(orchestrator, {
      'rubot_runs_ended_total{status="cancelled"}': 1,
      'rubot_runs_ended_total{status="failed"}': 1,
      'rubot_runs_ended_total{status="completed"}': 1,
      'rubot_run_duration_seconds_count{status="completed"}': 1,
    });
  });

  it('tells who waits, for what, since when, by class, whichever process is asked', async () => {
    tables.onCompletion((exchange) => exchange.begin());
    const database = await openTestDatabase();
    const worker = await start({ database, env: { WORKER_SLOTS: '1' } });
    const api = await start({ database, env: { RUBOT_ROLE: 'api' } });
    await createRun(api, 1);
    await tables.nextCompletion();
    await createRun(api, 2, { [HEADERS.priority]: 'low' });
    await createRun(api, 3, { [HEADERS.priority]: 'low' });
    await createRun(api, 4, { [HEADERS.priority]: 'high' });
    for (const number of [5, 6, 7]) await createRun(api, number, { [HEADERS.memory]: 'session' });
    const status = (number: number, change: string) => database.query(`UPDATE runs SET ${change} WHERE run_id = $1`, [toRunId(number)]);
    await status(2, "queued_at = now() - interval '90 seconds'");
    await status(4, "queued_at = now() + interval '1 hour'");
    await createRun(api, 8);
    await status(8, "status = 'requires_action', queued_at = NULL");
    const expected = {
      'rubot_queue_depth{slot_type="cpu",priority="low"}': 2,
      'rubot_queue_depth{slot_type="cpu",priority="normal"}': 1,
      'rubot_queue_depth{slot_type="cpu",priority="high"}': 0,
      'rubot_queue_depth{slot_type="gpu",priority="low"}': 0,
      'rubot_runs_waiting{reason="slot"}': 3,
      'rubot_runs_waiting{reason="session"}': 2,
      'rubot_runs_waiting{reason="retry"}': 1,
      'rubot_runs_waiting{reason="approval"}': 1,
      'rubot_workers{role="all"}': 1,
      'rubot_workers{role="api"}': 1,
    };
    await scrapeUntil(worker, { ...expected, 'rubot_slots_used{slot_type="cpu"}': 1 });
    await scrapeUntil(api, { ...expected, 'rubot_slots{slot_type="cpu"}': 0 });
    const age = (await scrape(api)).get('rubot_queue_oldest_age_seconds{slot_type="cpu",priority="low"}');
    expect(age).toBeGreaterThanOrEqual(90);
    expect(age).toBeLessThan(180);
  });

  it('counts retries, refusals, and what was swept', async () => {
    tables.onCompletion((exchange) => {
      tables.onCompletion((next) => next.answer({ text: 'ok' }));
      exchange.refuse(503, JSON.stringify({ error: { message: 'Down.', type: 'server_error', param: null, code: 'unavailable' } }));
    });
    const orchestrator = await start({ env: { TENANT_QUEUE_DEPTH: '1', SWEEP_INTERVAL_MS: '3600000' } });
    await readEvents(orchestrator, await createRun(orchestrator, 1));
    await orchestrator.deps.dispatcher.stop();
    await createRun(orchestrator, 2);
    const refused = await fetch(`${orchestrator.url}/v1/runs`, {
      method: 'POST',
      headers: { ...gatewayHeaders(), [HEADERS.runId]: toRunId(3) },
      body: JSON.stringify(ask('hi')),
    });
    expect(refused.status).toBe(429);
    for (const [number, crashes] of [
      [4, 0],
      [5, 2],
    ] as const) {
      await orchestrator.database.query(
        `INSERT INTO runs (run_id, tenant_id, session_id, sender_id, model, status, attempt, last_seq, trace_id, span_id, lease_until, crash_count)
        VALUES ($1, 'acme', 's', '+1', 'rubot', 'running', 1, 1, repeat('a', 32), repeat('b', 16), now(), $2)`,
        [toRunId(number), crashes],
      );
    }
    await orchestrator.deps.sweeper.sweep();
    await scrapeUntil(orchestrator, {
      rubot_run_retries_total: 1,
      'rubot_runs_refused_total{code="rate_limited"}': 1,
      'rubot_runs_swept_total{outcome="requeued"}': 1,
      'rubot_runs_swept_total{outcome="buried"}': 1,
      'rubot_runs_ended_total{status="failed"}': 1,
      'rubot_runs_ended_total{status="completed"}': 1,
      rubot_dead_letters: 1,
    });
  });

  it('names nobody, and has as many series after many tenants as before', async () => {
    const orchestrator = await start({ env: { RUN_MAX_RETRIES: '0' } });
    const complete = (number: number) =>
      orchestrator.complete(ask('hi', { stream: true }), {
        headers: { [HEADERS.runId]: toRunId(number), [HEADERS.tenantId]: `tenant-${number}` },
      });
    await readStream(await complete(0));
    const before = await scrape(orchestrator);
    for (let number = 1; number <= 20; number += 1) await readStream(await complete(number));
    const after = await scrape(orchestrator);
    const ours = (samples: typeof before) => [...samples.keys()].filter((name) => name.startsWith('rubot_')).sort();
    expect(ours(after)).toEqual(ours(before));
    expect([...after.keys()].join('\n')).not.toMatch(/tenant-|run_0|\+1555|whatsapp|tables/);
  });

  it('is answered while the database is away, without what only the database knows', async () => {
    const orchestrator = await start();
    await scrapeUntil(orchestrator, { rubot_database_up: 1, rubot_dead_letters: 0 });
    await postgresOfFile().stop('immediate');
    await scrapeUntil(orchestrator, { rubot_database_up: 0, 'rubot_slots{slot_type="cpu"}': 4 });
    const names = [...(await scrape(orchestrator)).keys()];
    expect(names.filter((name) => /^rubot_(?:queue_depth|queue_oldest|runs_waiting|dead_letters|workers)/.test(name))).toEqual([]);
    await postgresOfFile().start();
    await scrapeUntil(orchestrator, { rubot_database_up: 1, rubot_dead_letters: 0 });
  });
});

describe('a process', () => {
  it('is among the workers from its start to its stop, with its slots and their use', async () => {
    tables.onCompletion((exchange) => exchange.begin());
    const database = await openTestDatabase();
    const first = await start({ database, env: { WORKER_SLOTS: 'cpu:2', RUN_HEARTBEAT_MS: '100' } });
    await start({ database, env: { RUBOT_ROLE: 'api' } });
    const workers = () => database.query<{ role: string; slots: unknown }>('SELECT role, slots FROM workers ORDER BY role');
    await vi.waitFor(async () => expect(await workers()).toHaveLength(2));
    void first.complete(ask('hi')).catch(() => {});
    await tables.nextCompletion();
    await vi.waitFor(async () =>
      expect(await workers()).toEqual([
        { role: 'all', slots: { cpu: { size: 2, used: 1 }, gpu: { size: 0, used: 0 } } },
        { role: 'api', slots: { cpu: { size: 0, used: 0 }, gpu: { size: 0, used: 0 } } },
      ]),
    );
    await database.query("UPDATE workers SET seen_at = now() - interval '31 seconds' WHERE role = 'api'");
    await scrapeUntil(first, { 'rubot_workers{role="all"}': 1 });
    expect((await scrape(first)).has('rubot_workers{role="api"}')).toBe(false);
  });

  it('takes itself out when it stops in order, and is told of no longer than a lease when it dies', async () => {
    const database = await openTestDatabase();
    const options = {
      databaseUrl: database.url,
      registry: { tables: tables.origin },
      env: { RUN_LEASE_MS: '500', RUN_HEARTBEAT_MS: '100' },
    };
    const [stopping, dying] = await Promise.all([startReplica(options), startReplica(options)]);
    const countWorkers = async () => (await database.query('SELECT 1 FROM workers')).length;
    await vi.waitFor(async () => expect(await countWorkers()).toBe(2));
    stopping.process.kill('SIGTERM');
    await stopping.exited;
    expect(await countWorkers()).toBe(1);
    dying.process.kill('SIGKILL');
    const observer = await start({ database, env: { RUN_LEASE_MS: '500', RUN_HEARTBEAT_MS: '100' } });
    await scrapeUntil(observer, { 'rubot_workers{role="all"}': 1 });
    expect(await countWorkers()).toBe(2);
  }, 60_000);
});
