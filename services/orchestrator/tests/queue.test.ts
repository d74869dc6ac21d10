import { HEADERS } from '@rubot/contracts/headers';
import type { Priority } from '@rubot/contracts/runs';
import { newRunId } from '@rubot/http/run-id';
import { type FakeAgent, startFakeAgent } from '@rubot/testkit/fake-agent';
import type { ModelExchange } from '@rubot/testkit/model-upstream';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type DatabaseOfTest, openTestDatabase } from './_database.ts';
import { ask, contentOf, type Orchestrator, readCompletion, readError, readStream, startOrchestrator } from './_harness.ts';
import { askRuns, readEvents, readRun } from './_runs.ts';
import { countRows, headersOf, keepBusy, postRun, questionOf, startRun, untilStatus } from './_sending.ts';

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

const startApi = (env: Record<string, string> = {}) => start({ RUBOT_ROLE: 'api', ...env });
const startWorker = (slots: number, env: Record<string, string> = {}) =>
  start({ RUBOT_ROLE: 'worker', WORKER_SLOTS: String(slots), ...env });

/** As if the run had come so much earlier. */
async function moveForward(runId: string, seconds: number): Promise<void> {
  await database.query('UPDATE pgboss.job SET priority = priority + $2 WHERE data ->> $3 = $1', [runId, seconds, 'run_id']);
}

const tenantOf = ({ headers }: ModelExchange) => String(headers[HEADERS.tenantId]);

describe('the line', () => {
  function startPrior(api: Orchestrator, question: string, priority: Priority): Promise<string> {
    // Each of a tenant of its own, as a tenant's runs are put behind each other.
    return startRun(api, question, { tenantId: question, headers: { [HEADERS.priority]: priority } });
  }

  it('is gone through by class, and within a class as runs came', async () => {
    const agent = keepBusy(tables);
    const api = await startApi();
    for (const question of ['low-1', 'normal-1', 'high-1', 'low-2', 'high-2', 'normal-2'])
      await startPrior(api, question, question.split('-')[0] as Priority);
    await startWorker(1);
    await untilStatus(database, 'completed', 6);
    expect(agent.begun).toEqual(['high-1', 'high-2', 'normal-1', 'normal-2', 'low-1', 'low-2']);
  });

  it('lets a lower class pass that has waited for long enough', async () => {
    const agent = keepBusy(tables);
    const api = await startApi();
    await moveForward(await startPrior(api, 'low-early', 'low'), 75);
    await moveForward(await startPrior(api, 'low-not-so-early', 'low'), 45);
    await moveForward(await startPrior(api, 'normal-early', 'normal'), 45);
    for (const priority of ['high', 'normal', 'low'] as const) await startPrior(api, priority, priority);
    await startWorker(1);
    await untilStatus(database, 'completed', 6);
    expect(agent.begun).toEqual(['low-early', 'normal-early', 'high', 'low-not-so-early', 'normal', 'low']);
  });

  it('takes a completion for more urgent than a run that nobody waits for', async () => {
    const agent = keepBusy(tables);
    const api = await startApi();
    await startRun(api, 'background', { tenantId: 'first' });
    const answer = api.complete(ask('foreground'), { headers: headersOf({ tenantId: 'second' }) });
    await untilStatus(database, 'queued', 2);
    await startWorker(1);
    await readCompletion(await answer);
    await untilStatus(database, 'completed', 2);
    expect(agent.begun).toEqual(['foreground', 'background']);
  });

  it('lets tenants take turns: who brings few does not wait for all of who brings many', async () => {
    const FLOOD = 50;
    const FEW = 5;
    const agent = keepBusy(tables);
    const api = await startApi();
    for (let index = 0; index < FLOOD; index += 1) await startRun(api, `flood-${index}`, { tenantId: 'flood' });
    for (let index = 0; index < FEW; index += 1) await startRun(api, `few-${index}`, { tenantId: 'few' });
    await startWorker(2);
    await untilStatus(database, 'completed', FLOOD + FEW);
    const positions = agent.begun.flatMap((question, index) => (question.startsWith('few') ? [index] : []));
    expect(positions).toHaveLength(FEW);
    expect(Math.max(...positions)).toBeLessThan(4 * FEW);
    const floodOrder = agent.begun.filter((question) => question.startsWith('flood')).map((question) => Number(question.split('-')[1]));
    // Two slots: neighbours may reach the agent in either order.
    for (const [index, number] of floodOrder.entries()) expect(Math.abs(number - index)).toBeLessThanOrEqual(2);
  });

  it('is not jumped by who comes while others wait', async () => {
    tables.onCompletion((exchange) => exchange.begin());
    const orchestrator = await start({ WORKER_SLOTS: '1' });
    await startRun(orchestrator, 'first', { tenantId: 'a' });
    const first = await tables.nextCompletion();
    await startRun(orchestrator, 'second', { tenantId: 'b', headers: { [HEADERS.priority]: 'high' } });
    const third = orchestrator.complete(ask('third'), { headers: headersOf({ tenantId: 'c' }) });
    await untilStatus(database, 'queued', 2);
    const agent = keepBusy(tables);
    first.answer({ text: 'done' });
    await readCompletion(await third);
    await untilStatus(database, 'completed', 3);
    expect(agent.begun).toEqual(['second', 'third']);
  });

  it('is not held up by runs that were cancelled in it', async () => {
    const CANCELLED = 60;
    const api = await startApi({ TENANT_CONCURRENCY: '4' });
    const runIds: string[] = [];
    for (let index = 0; index < CANCELLED; index += 1)
      runIds.push(await startRun(api, 'never', { headers: { [HEADERS.priority]: 'high' } }));
    await startRun(api, 'last', { headers: { [HEADERS.priority]: 'low' } });
    for (const runId of runIds) expect((await askRuns(api, `/${runId}/cancel`, { method: 'POST' })).status).toBe(200);
    // One look has to be enough.
    await startWorker(1, { QUEUE_POLL_MS: '3600000', TENANT_CONCURRENCY: '4' });
    await untilStatus(database, 'completed', 1);
    expect(tables.completions.map(questionOf)).toEqual(['last']);
    expect((await countRows(database))['tickets']).toBe(0);
  });
});

describe('TENANT_CONCURRENCY', () => {
  it('is never exceeded over all processes, by runs or completions, and holds up no other tenant', async () => {
    const agent = keepBusy(tables, { kindOf: tenantOf });
    const env = { WORKER_SLOTS: '4', TENANT_CONCURRENCY: '2' };
    const processes = [await start(env), await start(env)];
    const busy = Array.from({ length: 24 }, async (_, index) => {
      const orchestrator = processes[index % 2]!;
      const sending = { tenantId: 'busy', sessionId: `session ${index}`, headers: index % 3 === 0 ? { [HEADERS.memory]: 'session' } : {} };
      if (index % 2 === 0) return startRun(orchestrator, `busy ${index}`, sending);
      return contentOf(await readCompletion(await orchestrator.complete(ask(`busy ${index}`), { headers: headersOf(sending) })));
    });
    const others = Array.from({ length: 6 }, (_, index) => startRun(processes[index % 2]!, 'other', { tenantId: `other-${index}` }));
    await Promise.all([...busy, ...others]);
    await untilStatus(database, 'completed', 30);
    expect(agent.peak('busy')).toBe(2);
    expect(agent.peak()).toBeGreaterThan(2);
    expect(agent.begun).toHaveLength(30);
  });

  it('counts also where slots are free', async () => {
    tables.onCompletion((exchange) => exchange.begin());
    const env = { WORKER_SLOTS: '4', TENANT_CONCURRENCY: '2' };
    const processes = [await start(env), await start(env)];
    const answers = Array.from({ length: 8 }, (_, index) => {
      const headers = headersOf({ sessionId: `session ${index}`, headers: index % 4 === 0 ? { [HEADERS.memory]: 'session' } : {} });
      return processes[index % 2]!.complete(ask(`question ${index}`), { headers }).then(readCompletion);
    });
    await untilStatus(database, 'queued', 6);
    expect(tables.completions).toHaveLength(2);
    tables.onCompletion((exchange) => exchange.answer({ text: 'done' }));
    for (const exchange of tables.completions) exchange.answer({ text: 'done' });
    await Promise.all(answers);
  });

  it('leaves slots to others while a tenant that has its share waits with many', async () => {
    tables.onCompletion((exchange) => (tenantOf(exchange) === 'busy' ? exchange.begin() : exchange.answer({ text: 'at once' })));
    const orchestrator = await start({ WORKER_SLOTS: '2', TENANT_CONCURRENCY: '1' });
    for (let index = 0; index < 5; index += 1) await startRun(orchestrator, `busy ${index}`, { tenantId: 'busy' });
    const held = await tables.nextCompletion();
    for (const tenantId of ['one', 'two']) {
      const answer = await orchestrator.complete(ask('hi'), { headers: headersOf({ tenantId }) });
      expect(contentOf(await readCompletion(answer))).toBe('at once');
    }
    expect(tables.completions.filter((exchange) => tenantOf(exchange) === 'busy')).toHaveLength(1);
    tables.onCompletion((exchange) => exchange.answer({ text: 'done' }));
    held.answer({ text: 'done' });
    await untilStatus(database, 'completed', 7);
  });
});

describe('AGENT_CONCURRENCY_JSON', () => {
  it('is never exceeded over all processes; who is too many waits without a slot, and no failure is counted', async () => {
    const RUNS = 6;
    const chat = await startFakeAgent({ id: 'chat' });
    const env = { WORKER_SLOTS: '4', AGENT_CONCURRENCY_JSON: '{"tables":2}' };
    const processes = await Promise.all([0, 1].map(() => startOrchestrator({ agents: [tables, chat], database, env })));
    tables.onCompletion((exchange) => exchange.begin());
    const answers = Array.from({ length: RUNS }, async (_, index) => {
      const asked = ask(`question ${index}`, { model: 'rubot/tables', stream: index % 2 === 0 });
      const response = await processes[index % 2]!.complete(asked, { headers: headersOf() });
      return index % 2 === 0 ? (await readStream(response)).text : contentOf(await readCompletion(response));
    });
    await vi.waitFor(
      async () => expect(await database.query("SELECT DISTINCT run_id FROM run_events WHERE type = 'retry'")).toHaveLength(RUNS - 2),
      { timeout: 10_000 },
    );
    expect(tables.completions).toHaveLength(2);
    const other = await processes[0]!.complete(ask('hi', { model: 'rubot/chat' }), { headers: headersOf() });
    expect(contentOf(await readCompletion(other))).toBe('answer of chat');

    const agent = keepBusy(tables);
    for (const exchange of tables.completions) exchange.answer({ text: `answer to ${questionOf(exchange)}` });
    const hurry = setInterval(() => void database.query('UPDATE pgboss.job SET start_after = now()'), 50);
    expect(await Promise.all(answers)).toEqual(answers.map((_, index) => `answer to question ${index}`));
    clearInterval(hurry);
    expect(agent.peak()).toBeLessThanOrEqual(2);
    expect(agent.begun).toHaveLength(RUNS - 2);
    expect(await database.query('SELECT DISTINCT status, failure_count, crash_count FROM runs')).toEqual([
      { status: 'completed', failure_count: 0, crash_count: 0 },
    ]);
    await vi.waitFor(() => expect(processes.map(({ deps }) => deps.slots.used('cpu'))).toEqual([0, 0]));
    await chat.close();
  });
});

describe('TENANT_QUEUE_DEPTH', () => {
  it('refuses the next one before anything is written, says when to come again, and concerns one tenant', async () => {
    const api = await startApi({ TENANT_QUEUE_DEPTH: '3' });
    const burst = await Promise.all(Array.from({ length: 12 }, () => postRun(api, ask('hi'), { key: newRunId() })));
    expect(burst.map(({ status }) => status).sort()).toEqual([...Array(3).fill(202), ...Array(9).fill(429)]);
    const before = await countRows(database);
    expect(before).toMatchObject({ runs: 3, keys: 3, tickets: 3 });
    const refusals = [
      await postRun(api, ask('hi'), { key: 'k' }),
      await api.complete(ask('hi'), { headers: headersOf({ headers: { [HEADERS.memory]: 'session' } }) }),
      await api.complete(ask('hi', { stream: true }), { headers: headersOf() }),
    ];
    for (const refused of refusals) {
      expect([refused.headers.get('retry-after'), refused.headers.get(HEADERS.shouldRetry)]).toEqual(['5', 'true']);
      expect(await readError(refused)).toMatchObject({ status: 429, code: 'rate_limited', message: expect.stringContaining('3 runs') });
    }
    expect(await countRows(database)).toEqual(before);
    expect((await postRun(api, ask('hi'), { tenantId: 'other' })).status).toBe(202);
  });

  it('counts those who wait, and not who is worked on', async () => {
    tables.onCompletion((exchange) => exchange.begin());
    const orchestrator = await start({ WORKER_SLOTS: '2', TENANT_QUEUE_DEPTH: '1' });
    for (let index = 0; index < 2; index += 1) {
      await startRun(orchestrator, 'hi');
      await tables.nextCompletion();
    }
    await startRun(orchestrator, 'hi');
    expect((await postRun(orchestrator, ask('hi'))).status).toBe(429);
    for (const exchange of tables.completions) exchange.answer({ text: 'done' });
    await tables.nextCompletion();
    expect((await postRun(orchestrator, ask('hi'))).status).toBe(202);
  });
});

describe('a client that waits in line', () => {
  it.each([false, true])('and leaves is waited for by nobody: its run is never begun (stream: %s)', async (stream) => {
    const api = await startApi({ HOLD_STATUS_MS: '10' });
    const client = new AbortController();
    const runId = newRunId();
    const answer = api.complete(ask('never', { stream }), { headers: headersOf({ runId }), signal: client.signal });
    const left = expect(answer.then((response) => response.text())).rejects.toThrow();
    await untilStatus(database, 'queued', 1);
    if (stream) expect((await answer).status).toBe(200);
    client.abort();
    await left;
    await untilStatus(database, 'cancelled', 1);
    const worker = await startWorker(1);
    await startRun(api, 'another');
    await untilStatus(database, 'completed', 1);
    expect(tables.completions.map(questionOf)).toEqual(['another']);
    expect((await readEvents(worker, runId)).map(({ type }) => type)).toEqual(['start', 'end']);
  });

  it.each([false, true])('for as long as it can is told so, and its run is never begun (stream: %s)', async (stream) => {
    const api = await startApi();
    const runId = newRunId();
    const response = await api.complete(ask('never', { stream }), {
      headers: headersOf({ runId, headers: { [HEADERS.timeoutMs]: '300' } }),
    });
    expect(response.headers.get(HEADERS.shouldRetry)).toBe('false');
    expect(await readError(response)).toMatchObject({ status: 504, code: 'deadline_exceeded' });
    await untilStatus(database, 'failed', 1);
    expect(await readRun(api, runId)).toMatchObject({ status: 'failed', attempt: 0, error: { code: 'deadline_exceeded' } });
    await startWorker(1);
    await startRun(api, 'another');
    await untilStatus(database, 'completed', 1);
    expect(tables.completions.map(questionOf)).toEqual(['another']);
  });

  it('by way of a process that has died meanwhile is not answered when its time is over', async () => {
    const api = await startApi();
    const client = new AbortController();
    const runId = newRunId();
    const left = api.complete(ask('never'), { headers: headersOf({ runId }), signal: client.signal }).catch(() => {});
    await untilStatus(database, 'queued', 1);
    await database.query("UPDATE runs SET deadline_at = now() - interval '1 second'");
    const worker = await startWorker(1);
    expect((await readEvents(worker, runId)).at(-1)).toMatchObject({ type: 'end', data: { error: { code: 'deadline_exceeded' } } });
    expect(tables.completions).toHaveLength(0);
    client.abort();
    await left;
    await vi.waitFor(() => expect(worker.deps.slots.used('cpu')).toBe(0));
  });

  it('gets what is left of its time', async () => {
    tables.onCompletion((exchange) => exchange.begin());
    const api = await startApi();
    const answer = api.complete(ask('hi'), { headers: headersOf({ headers: { [HEADERS.timeoutMs]: '19000' } }) });
    await untilStatus(database, 'queued', 1);
    await database.query("UPDATE runs SET deadline_at = deadline_at - interval '10 seconds'");
    await startWorker(1);
    const exchange = await tables.nextCompletion();
    expect(Number(exchange.headers[HEADERS.timeoutMs])).toBeLessThan(9_000);
    exchange.answer({ text: 'done' });
    expect(contentOf(await readCompletion(await answer))).toBe('done');
  });

  it('and leaves when it is being answered elsewhere ends that work', async () => {
    tables.onCompletion((exchange) => exchange.sendText('begun'));
    const api = await startApi();
    const worker = await startWorker(1);
    const client = new AbortController();
    const response = await api.complete(ask('hi', { stream: true }), { headers: headersOf(), signal: client.signal });
    const exchange = await tables.nextCompletion();
    client.abort();
    await expect(response.text()).rejects.toThrow();
    await exchange.aborted;
    await untilStatus(database, 'cancelled', 1);
    await vi.waitFor(() => expect(worker.deps.slots.used('cpu')).toBe(0));
  });

  it('and has asked for it, leaves its run to go on', async () => {
    const api = await startApi();
    const client = new AbortController();
    const headers = headersOf({ headers: { [HEADERS.onDisconnect]: 'continue' } });
    const left = expect(api.complete(ask('later'), { headers, signal: client.signal })).rejects.toThrow();
    await untilStatus(database, 'queued', 1);
    client.abort();
    await left;
    await startWorker(1);
    await untilStatus(database, 'completed', 1);
    expect(tables.completions.map(questionOf)).toEqual(['later']);
  });
});
