import { HEADERS } from '@rubot/contracts/headers';
import { newRunId } from '@rubot/http/run-id';
import { type FakeAgent, startFakeAgent } from '@rubot/testkit/fake-agent';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type DatabaseOfTest, openTestDatabase } from './_database.ts';
import { ask, contentOf, type Orchestrator, parseStream, readCompletion, readError, readStream, startOrchestrator } from './_harness.ts';
import { type Replica, startReplica } from './_process.ts';
import { askRuns, readEvents, readRun, streamEvents, textOf } from './_runs.ts';
import { createHearing, headersOf, questionOf, startRun, untilStatus } from './_sending.ts';

let tables: FakeAgent;
let database: DatabaseOfTest;
beforeEach(async () => {
  tables = await startFakeAgent({ id: 'tables' });
  database = await openTestDatabase();
});
afterEach(() => tables.close());

function start(env: Record<string, string>): Promise<Orchestrator> {
  return startOrchestrator({ agents: [tables], database, env });
}

function startProcess(env: Record<string, string>): Promise<Replica> {
  return startReplica({ databaseUrl: database.url, registry: { tables: tables.origin }, env });
}

const startApi = () => start({ RUBOT_ROLE: 'api' });
const startWorker = () => start({ RUBOT_ROLE: 'worker' });

describe('a process of the role api', () => {
  it('works on nothing: what it takes in waits for a worker, and its clients hear that one', async () => {
    const api = await startApi();
    const runId = await startRun(api, 'later');
    const whole = api.complete(ask('whole'), { headers: headersOf() });
    await untilStatus(database, 'queued', 2);
    expect(tables.completions).toHaveLength(0);
    const worker = await startWorker();
    expect(contentOf(await readCompletion(await whole))).toBe('answer of tables');
    expect(textOf(await readEvents(api, runId))).toBe('answer of tables');
    expect((await readRun(api, runId)).status).toBe('completed');
    expect([api.linesOf('run.worked').length, worker.linesOf('run.worked').length]).toEqual([0, 2]);
  });

  it('passes words on while they are said, and the end as it is', async () => {
    tables.onCompletion((exchange) => exchange.sendText('first'));
    const api = await startApi();
    await startWorker();
    const response = await api.complete(ask('hi', { stream: true, stream_options: { include_usage: true } }), { headers: headersOf() });
    const exchange = await tables.nextCompletion();
    const hearing = createHearing(response);
    await hearing.until('first');
    expect(await database.query('SELECT status FROM runs')).toEqual([{ status: 'running' }]);
    exchange.sendText(' second');
    exchange.finish('length', { prompt_tokens: 3, completion_tokens: 2 });
    const { text, chunks, isDone } = parseStream(await hearing.toEnd());
    expect([text, isDone]).toEqual(['first second', true]);
    expect(chunks.map(({ choices }) => choices[0]?.finish_reason).filter(Boolean)).toEqual(['length']);
    expect(chunks.at(-1)?.usage).toEqual({ prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 });
    expect(chunks.map(({ rubot }) => rubot?.status).filter(Boolean)).toEqual(['completed']);
  });

  it('tells its client what the run failed of', async () => {
    tables.onCompletion((exchange) => exchange.cut('reset'));
    const api = await startApi();
    await startWorker();
    const response = await api.complete(ask('hi'), { headers: headersOf() });
    expect(response.headers.get(HEADERS.shouldRetry)).toBe('false');
    expect(await readError(response)).toMatchObject({ status: 502, code: 'upstream_failed' });
  });

  it('loses nothing that it has accepted when it is killed the moment after', async () => {
    const RUNS = 20;
    const api = await startProcess({ RUBOT_ROLE: 'api' });
    const runIds = await Promise.all(
      Array.from({ length: RUNS }, (_, index) => startRun(api, `question ${index}`, { tenantId: `tenant-${index % 5}` })),
    );
    api.process.kill('SIGKILL');
    await api.exited;
    expect(tables.completions).toHaveLength(0);
    await startWorker();
    await untilStatus(database, 'completed', RUNS);
    expect(await database.query('SELECT run_id FROM runs WHERE attempt = 1 ORDER BY run_id')).toEqual(
      [...runIds].sort().map((run_id) => ({ run_id })),
    );
    expect(new Set(tables.completions.map(questionOf)).size).toBe(RUNS);
    expect(tables.completions).toHaveLength(RUNS);
  });
});

describe('a process of the role worker', () => {
  it('answers its host and nobody else', async () => {
    const worker = await startProcess({ RUBOT_ROLE: 'worker' });
    for (const path of ['/', '/healthz', '/readyz']) expect((await fetch(`${worker.url}${path}`)).status).toBe(200);
    expect((await worker.complete(newRunId(), ask('hi'))).status).toBe(404);
    expect((await askRuns(worker, '')).status).toBe(404);
    expect(await database.query('SELECT 1 FROM runs')).toEqual([]);
  });

  it('begins to take when it comes, and shares with those that are there', async () => {
    const api = await startApi();
    tables.onCompletion((exchange) => exchange.begin());
    const first = await start({ RUBOT_ROLE: 'worker', WORKER_SLOTS: '2' });
    for (let index = 0; index < 5; index += 1) await startRun(api, `question ${index}`);
    await vi.waitFor(() => expect(tables.completions).toHaveLength(2));
    const second = await start({ RUBOT_ROLE: 'worker', WORKER_SLOTS: '3' });
    await vi.waitFor(() => expect(tables.completions).toHaveLength(5));
    expect([first.deps.slots.used('cpu'), second.deps.slots.used('cpu')]).toEqual([2, 3]);
    for (const exchange of tables.completions) exchange.answer({ text: 'done' });
    await untilStatus(database, 'completed', 5);
  });
});

describe('SIGTERM', () => {
  const RUNS = 12;

  it('hands over what is not done in time, also where clients wait: nothing is lost, cancelled or counted as a failure', async () => {
    tables.onCompletion((exchange) => exchange.sendText('begun '));
    const env = { WORKER_SLOTS: String(RUNS), RUN_LEASE_MS: '60000', DRAIN_TIMEOUT_MS: '50', SWEEP_INTERVAL_MS: '50', QUEUE_POLL_MS: '10' };
    const leaving = await startProcess(env);
    const clients = Array.from({ length: RUNS }, async (_, index) => {
      const response = await leaving.complete(newRunId(), ask(`question ${index}`, { stream: index % 2 === 0 }));
      return index % 2 === 0 ? parseStream(await response.text()).error?.code : (await readError(response)).code;
    });
    await vi.waitFor(() => expect(tables.completions).toHaveLength(RUNS), 10_000);
    const staying = await start({ RUBOT_ROLE: 'worker', WORKER_SLOTS: String(RUNS) });
    tables.onCompletion((exchange) => exchange.answer({ text: 'done' }));
    leaving.process.kill('SIGTERM');
    expect(await leaving.exited).toEqual([0, null]);
    expect(await Promise.all(clients)).toEqual(Array(RUNS).fill('unavailable'));
    await untilStatus(database, 'completed', RUNS);
    expect(await database.query('SELECT DISTINCT attempt, crash_count, failure_count FROM runs')).toEqual([
      { attempt: 2, crash_count: 0, failure_count: 0 },
    ]);
    expect(staying.linesOf('run.worked')).toHaveLength(RUNS);
  }, 60_000);

  it('lets answers be finished that are told from events, and tells those who follow a run to read on elsewhere', async () => {
    tables.onCompletion((exchange) => exchange.sendText('begun '));
    const leaving = await startProcess({ RUBOT_ROLE: 'api', DRAIN_TIMEOUT_MS: '20000' });
    await startWorker();
    const runId = newRunId();
    const answer = leaving.complete(runId, ask('hi')).then(readCompletion);
    const exchange = await tables.nextCompletion();
    const followed = streamEvents(await askRuns(leaving, `/${runId}/events`));
    expect((await followed.next()).value).toMatchObject({ seq: 1 });
    leaving.process.kill('SIGTERM');
    expect((await Array.fromAsync(followed)).at(-1)?.data).toMatchObject({
      error: { code: 'unavailable', message: expect.stringContaining('read on') },
    });
    exchange.sendText('and done');
    exchange.finish();
    expect(contentOf(await answer)).toBe('begun and done');
    expect(await leaving.exited).toEqual([0, null]);
  });

  it('of whoever tells an answer leaves the run to go on, and its client with the word that it does', async () => {
    tables.onCompletion((exchange) => exchange.sendText('begun '));
    const leaving = await startProcess({ RUBOT_ROLE: 'api', DRAIN_TIMEOUT_MS: '50' });
    const worker = await startWorker();
    const runIds = [newRunId(), newRunId()];
    const streamed = await leaving.complete(runIds[0]!, ask('hi', { stream: true }));
    const whole = leaving.complete(runIds[1]!, ask('hi'));
    const exchanges = [await tables.nextCompletion(), await tables.nextCompletion()];
    leaving.process.kill('SIGTERM');
    expect((await readStream(streamed)).error).toMatchObject({ code: 'unavailable', message: expect.stringContaining('/events') });
    const refused = await whole;
    expect(refused.headers.get(HEADERS.shouldRetry)).toBe('false');
    expect(await readError(refused)).toMatchObject({ status: 503, code: 'unavailable' });
    await leaving.exited;
    for (const exchange of exchanges) exchange.finish();
    for (const runId of runIds) expect(textOf(await readEvents(worker, runId))).toBe('begun ');
    await untilStatus(database, 'completed', 2);
  });

  it('of a worker does not fail who waits for a whole answer elsewhere: it gets the one that is whole', async () => {
    tables.onCompletion((exchange) => exchange.sendText('a half'));
    const api = await startApi();
    const leaving = await startProcess({ RUBOT_ROLE: 'worker' });
    const whole = api.complete(ask('hi'), { headers: headersOf() });
    await tables.nextCompletion();
    await vi.waitFor(async () => expect(await database.query("SELECT 1 FROM run_events WHERE type = 'chunk'")).toHaveLength(1));
    tables.onCompletion((exchange) => exchange.answer({ text: 'the whole' }));
    await startWorker();
    leaving.process.kill('SIGTERM');
    expect(contentOf(await readCompletion(await whole))).toBe('the whole');
  });
});
