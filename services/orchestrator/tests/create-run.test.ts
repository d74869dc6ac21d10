import { HEADERS } from '@rubot/contracts/headers';
import { RunResource } from '@rubot/contracts/runs';
import { type FakeAgent, startFakeAgent } from '@rubot/testkit/fake-agent';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type DatabaseOfTest, openTestDatabase } from './_database.ts';
import { ask, gatewayHeaders, type Orchestrator, RUN_ID, readError, startOrchestrator } from './_harness.ts';
import { startReplica } from './_process.ts';
import { readEvents, readRun, textOf } from './_runs.ts';
import { countRows, postRun, untilStatus } from './_sending.ts';

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

const SENDING = { runId: RUN_ID };

describe('POST /v1/runs', () => {
  it('accepts at once, says where the run is, and the run comes to its end', async () => {
    tables.onCompletion((exchange) => exchange.begin());
    const orchestrator = await start();
    const response = await postRun(orchestrator, ask('hi', { stream: true }), SENDING);
    expect([response.status, response.headers.get('location'), response.headers.get(HEADERS.runId)]).toEqual([
      202,
      `/v1/runs/${RUN_ID}`,
      RUN_ID,
    ]);
    const accepted = RunResource.parse(await response.json());
    expect(accepted).toMatchObject({
      id: RUN_ID,
      status: 'queued',
      model: 'rubot',
      priority: 'normal',
      attempt: 0,
      last_seq: 1,
      finished_at: null,
    });
    expect(Math.abs(accepted.created_at - Date.now() / 1_000)).toBeLessThan(60);
    const exchange = await tables.nextCompletion();
    expect(exchange.headers).toMatchObject({ [HEADERS.dataBearer]: 'the-data-bearer', [HEADERS.sessionId]: 'whatsapp:1' });
    expect(await readRun(orchestrator, RUN_ID)).toMatchObject({ status: 'running', attempt: 1, created_at: accepted.created_at });
    exchange.answer({ text: 'done' });
    expect(textOf(await readEvents(orchestrator, RUN_ID))).toBe('done');
    expect(await readRun(orchestrator, RUN_ID)).toMatchObject({ status: 'completed', attempt: 1, error: null });
  });

  it('says the same of a run that nobody has begun yet as the run says of itself', async () => {
    const orchestrator = await start({ RUBOT_ROLE: 'api' });
    const headers = { [HEADERS.priority]: 'low' };
    const accepted: unknown = await (await postRun(orchestrator, ask('hi', { model: 'rubot/tables' }), { ...SENDING, headers })).json();
    expect(await readRun(orchestrator, RUN_ID)).toEqual(accepted);
    expect(accepted).toMatchObject({ priority: 'low', model: 'rubot/tables' });
  });

  it('gives each attempt its time, from when it is begun, whatever the client would have waited', async () => {
    tables.onCompletion((exchange) => exchange.begin());
    const orchestrator = await start({ RUN_TIMEOUT_MS: '1000', RUN_MAX_RETRIES: '3' });
    await postRun(orchestrator, ask('hi'), { ...SENDING, headers: { [HEADERS.timeoutMs]: '1' } });
    const exchange = await tables.nextCompletion();
    const granted = Number(exchange.headers[HEADERS.timeoutMs]);
    expect(granted).toBeGreaterThan(500);
    expect(granted).toBeLessThanOrEqual(1_000);
    await exchange.aborted;
    await untilStatus(database, 'failed');
    expect(await readRun(orchestrator, RUN_ID)).toMatchObject({ attempt: 1, error: { code: 'deadline_exceeded' } });
  });

  it('outlives the process that has accepted it', async () => {
    const env = { RUN_LEASE_MS: '600', RUN_HEARTBEAT_MS: '200' };
    const accepting = await startReplica({ databaseUrl: database.url, registry: { tables: tables.origin }, env });
    tables.onCompletion(() => {});
    const response = await postRun(accepting, ask('hi'), SENDING);
    accepting.process.kill('SIGKILL');
    expect(response.status).toBe(202);
    await accepting.exited;
    tables.onCompletion((exchange) => exchange.answer({ text: 'by another' }));
    const other = await start({ SWEEP_INTERVAL_MS: '100' });
    expect(textOf(await readEvents(other, RUN_ID))).toBe('by another');
    await untilStatus(database, 'completed');
  });

  it('leaves no completion without an end that its client has left to go on', async () => {
    tables.onCompletion((exchange) => exchange.begin());
    const orchestrator = await start({ RUN_TIMEOUT_MS: '1000', HOLD_STATUS_MS: '10' });
    const client = new AbortController();
    const headers = { [HEADERS.onDisconnect]: 'continue' };
    const response = await orchestrator.complete(ask('hi', { stream: true }), { headers, signal: client.signal });
    const exchange = await tables.nextCompletion();
    client.abort();
    await expect(response.text()).rejects.toThrow();
    await exchange.aborted;
    await untilStatus(database, 'failed');
    expect(await readRun(orchestrator, RUN_ID)).toMatchObject({ error: { code: 'deadline_exceeded' } });
    await vi.waitFor(() => expect(orchestrator.deps.slots.used('cpu')).toBe(0));
  });
});

describe('POST /v1/runs and POST /v1/chat/completions', () => {
  const cases: [string, string | Record<string, unknown>, Record<string, string>, number, string, string | null][] = [
    ['a body that is no JSON', '{', {}, 400, 'invalid_request', null],
    ['no messages', { model: 'rubot', messages: [] }, {}, 400, 'invalid_request', 'messages'],
    ['a model that is none', ask('hi', { model: 'rubot/nobody' }), {}, 404, 'model_not_found', 'model'],
    ['no agent that the tenant may use', ask('hi'), { [HEADERS.allowedAgents]: '' }, 403, 'forbidden', null],
    ['a run id that is none', ask('hi'), { [HEADERS.runId]: 'run_1' }, 400, 'invalid_request', HEADERS.runId],
    ['a tenant that is none', ask('hi'), { [HEADERS.tenantId]: 'no tenant' }, 400, 'invalid_request', HEADERS.tenantId],
    ['no bearer', ask('hi'), { [HEADERS.dataBearer]: '' }, 400, 'invalid_request', HEADERS.dataBearer],
    ['a grant that is none', ask('hi'), { [HEADERS.bearerGrant]: 'a b' }, 400, 'invalid_request', HEADERS.bearerGrant],
    ['a priority that is none', ask('hi'), { [HEADERS.priority]: 'urgent' }, 400, 'invalid_request', HEADERS.priority],
    ['a memory that is none', ask('hi'), { [HEADERS.memory]: 'all' }, 400, 'invalid_request', HEADERS.memory],
    ['a strategy that is none', ask('hi'), { [HEADERS.sessionStrategy]: 'wait' }, 400, 'invalid_request', HEADERS.sessionStrategy],
    ['a key with a space', ask('hi'), { [HEADERS.idempotencyKey]: 'a b' }, 400, 'invalid_request', HEADERS.idempotencyKey],
    ['a key that is too long', ask('hi'), { [HEADERS.idempotencyKey]: 'k'.repeat(256) }, 400, 'invalid_request', HEADERS.idempotencyKey],
    ['an empty key', ask('hi'), { [HEADERS.idempotencyKey]: '' }, 400, 'invalid_request', HEADERS.idempotencyKey],
    ['a wrong hop key', ask('hi'), { authorization: 'Bearer wrong' }, 401, 'invalid_api_key', null],
  ];

  it.each(cases)('refuse %s before anything is written', async (_, body, headers, status, code, param) => {
    const orchestrator = await start();
    const before = await countRows(database);
    for (const path of ['/v1/runs', '/v1/chat/completions']) {
      const response = await fetch(`${orchestrator.url}${path}`, {
        method: 'POST',
        headers: { ...gatewayHeaders(), ...headers },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      });
      expect(await readError(response)).toMatchObject({ status, code, param });
    }
    expect(await countRows(database)).toEqual(before);
    expect(tables.completions).toHaveLength(0);
  });

  it('refuse a run whose id is taken, and leave that one alone', async () => {
    tables.onCompletion((exchange) => exchange.begin());
    const orchestrator = await start();
    expect((await postRun(orchestrator, ask('first'), SENDING)).status).toBe(202);
    const exchange = await tables.nextCompletion();
    const before = await countRows(database);
    for (const key of [undefined, 'k']) {
      const sending = key === undefined ? SENDING : { ...SENDING, key };
      expect(await readError(await postRun(orchestrator, ask('second'), sending))).toMatchObject({ status: 409, code: 'conflict' });
      const headers = key === undefined ? {} : { [HEADERS.idempotencyKey]: key };
      expect(await readError(await orchestrator.complete(ask('second'), { headers }))).toMatchObject({ status: 409, code: 'conflict' });
    }
    expect(await countRows(database)).toEqual(before);
    exchange.answer({ text: 'of the first' });
    expect(textOf(await readEvents(orchestrator, RUN_ID))).toBe('of the first');
  });
});
