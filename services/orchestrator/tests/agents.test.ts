import { HEADERS } from '@rubot/contracts/headers';
import { type FakeAgent, startFakeAgent } from '@rubot/testkit/fake-agent';
import { toFrames } from '@rubot/testkit/model-frames';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Agent } from '../src/agents/agent.ts';
import {
  ask,
  contentOf,
  findFreePort,
  gatewayHeaders,
  type Orchestrator,
  planOf,
  readCompletion,
  readError,
  type StartOptions,
  startOrchestrator as startWhole,
} from './_harness.ts';

/** Nothing goes on by itself here: a test says when an agent is asked how it is. */
function startOrchestrator(options: StartOptions): ReturnType<typeof startWhole> {
  return startWhole({ starts: false, ...options, env: { WORKER_SLOTS: '64', ...options.env } });
}

let tables: FakeAgent;
let chat: FakeAgent;

beforeEach(async () => {
  tables = await startFakeAgent({ id: 'tables', name: 'Tables', summary: 'Inventory.' });
  chat = await startFakeAgent({ id: 'chat', name: 'Chat', summary: 'Talk.' });
});
afterEach(async () => {
  vi.useRealTimers();
  await Promise.all([tables.close(), chat.close()]);
});

const anyRun = { headers: { [HEADERS.runId]: undefined } };

async function complete(orchestrator: Orchestrator, text = 'hi', fields: Record<string, unknown> = {}): Promise<Response> {
  return orchestrator.complete(ask(text, fields), anyRun);
}

async function readModels(
  orchestrator: Orchestrator,
  headers: Record<string, string> = {},
): Promise<{ id: string; name: string; description: string }[]> {
  const response = await fetch(`${orchestrator.url}/v1/models`, { headers: { ...gatewayHeaders(), ...headers } });
  expect(response.status).toBe(200);
  return ((await response.json()) as { data: { id: string; name: string; description: string }[] }).data;
}

describe('which agents a tenant may use', () => {
  it('is all, some, or none; no header means none', async () => {
    const orchestrator = await startOrchestrator({ agents: [tables, chat] });
    expect((await readModels(orchestrator)).map(({ id }) => id)).toEqual(['rubot', 'rubot/tables', 'rubot/chat']);
    expect((await readModels(orchestrator, { [HEADERS.allowedAgents]: 'chat' })).map(({ id }) => id)).toEqual(['rubot', 'rubot/chat']);
    expect(await readModels(orchestrator, { [HEADERS.allowedAgents]: '' })).toEqual([]);
    for (const value of ['', 'payroll', undefined]) {
      const response = await orchestrator.complete(ask('hi'), { headers: { [HEADERS.allowedAgents]: value } });
      expect(await readError(response)).toMatchObject({ status: 403, code: 'forbidden' });
    }
    expect(tables.completions).toHaveLength(0);
  });

  it('hides every other model, and lists what there is', async () => {
    const orchestrator = await startOrchestrator({ agents: [tables, chat] });
    for (const model of ['rubot/tables', 'rubot/payroll', 'rubot/', 'gpt-5']) {
      const response = await orchestrator.complete(ask('hi', { model }), { headers: { [HEADERS.allowedAgents]: 'chat' } });
      const error = await readError(response);
      expect(error).toMatchObject({ status: 404, code: 'model_not_found', param: 'model' });
      expect(error.message).toContain('Choose one of: rubot, rubot/chat.');
    }
  });

  it('describes models in the agents’ own words', async () => {
    const orchestrator = await startOrchestrator({ agents: [tables] });
    expect(await readModels(orchestrator)).toMatchObject([
      { id: 'rubot' },
      { id: 'rubot/tables', name: 'Tables', description: 'Inventory.' },
    ]);
  });
});

describe('capabilities', () => {
  it('are read once for many requests at once, and again only when they have aged', async () => {
    let nowMs = Date.now();
    const planner = planOf({ id: 's1', agent: 'chat' });
    const orchestrator = await startOrchestrator({ agents: [tables, chat], planner, now: () => nowMs });
    await Promise.all(Array.from({ length: 10 }, async () => readCompletion(await complete(orchestrator))));
    expect(tables.counts.get('/v1/capabilities')).toBe(1);
    tables.onCapabilities({ status: 200, body: { schema_version: '1', source_id: 'tables', name: 'Ledgers', summary: 'New.', tools: [] } });
    nowMs += 299_999;
    await complete(orchestrator);
    expect(tables.counts.get('/v1/capabilities')).toBe(1);
    nowMs += 2;
    // The stale answer serves while the new one is on its way.
    expect((await readModels(orchestrator))[1]?.name).toBe('Tables');
    await vi.waitFor(async () => expect((await readModels(orchestrator))[1]?.name).toBe('Ledgers'));
    expect(tables.counts.get('/v1/capabilities')).toBe(2);
  });

  it('outlive an agent that cannot be reached for a while, which stays what it was', async () => {
    let nowMs = Date.now();
    const orchestrator = await startOrchestrator({ agents: [tables, chat], now: () => nowMs, env: { CAPABILITIES_TIMEOUT_MS: '500' } });
    await readModels(orchestrator);
    tables.onCapabilities('hang');
    nowMs += 300_001;
    await readModels(orchestrator);
    await vi.waitFor(() => expect(orchestrator.linesOf('capabilities.refreshed').some((line) => line.error !== undefined)).toBe(true));
    expect((await readModels(orchestrator)).map(({ id }) => id)).toContain('rubot/tables');
  });

  it('of another agent than was registered are refused, and the agent is not chosen by them', async () => {
    tables.onCapabilities({ status: 200, body: { schema_version: '1', source_id: 'chat', name: 'X', summary: 'x', tools: [] } });
    const planner = planOf({ id: 's1', agent: 'tables' });
    const orchestrator = await startOrchestrator({ agents: [tables, chat], planner });
    expect((await readModels(orchestrator)).map(({ id }) => id)).toEqual(['rubot', 'rubot/chat']);
    expect(contentOf(await readCompletion(await complete(orchestrator)))).toBe('answer of chat');
    expect(planner.questions).toHaveLength(0);
    expect(orchestrator.linesOf('capabilities.refreshed').find((line) => line.error !== undefined)).toMatchObject({
      error: { code: 'misconfigured' },
      extra: { agent_id: 'tables' },
    });
  });

  it('carry the agents’ key', async () => {
    const orchestrator = await startOrchestrator({ agents: [tables] });
    await readModels(orchestrator);
    expect(orchestrator.linesOf('upstream.completed')[0]?.extra).toMatchObject({
      peer: 'rubot-agent-tables',
      span_name: 'GET /v1/capabilities',
    });
  });
});

describe('a dead agent', () => {
  it('costs one attempt, not one a request, until the negative answer has aged', async () => {
    let nowMs = Date.now();
    tables.onCapabilities('hang');
    const orchestrator = await startOrchestrator({ agents: [tables, chat], now: () => nowMs, env: { CAPABILITIES_TIMEOUT_MS: '500' } });
    for (let index = 0; index < 20; index += 1) {
      expect(contentOf(await readCompletion(await complete(orchestrator)))).toBe('answer of chat');
    }
    expect(tables.counts.get('/v1/capabilities')).toBe(1);
    nowMs += 10_001;
    // Even then nobody waits: this one is served without it, and the question goes out behind it.
    await Promise.all([complete(orchestrator), complete(orchestrator)]);
    await vi.waitFor(() => expect(tables.counts.get('/v1/capabilities')).toBe(2), { timeout: 10_000 });
    expect(tables.connectionCount()).toBeLessThanOrEqual(2);
  });

  it('that answers again is back after the next health check', async () => {
    const now = Date.now();
    tables.onCapabilities({ status: 500, body: 'broken' });
    const orchestrator = await startOrchestrator({ agents: [tables, chat], now: () => now });
    expect((await readModels(orchestrator)).map(({ id }) => id)).toEqual(['rubot', 'rubot/chat']);
    tables.onCapabilities({
      status: 200,
      body: { schema_version: '1', source_id: 'tables', name: 'Tables', summary: 'Inventory.', tools: [] },
    });
    await orchestrator.deps.directory.health.checkAll();
    await vi.waitFor(async () => expect((await readModels(orchestrator)).map(({ id }) => id)).toContain('rubot/tables'));
  });

  it('is a 503 with a time to wait when it is the only one', async () => {
    const port = await findFreePort();
    const orchestrator = await startOrchestrator({ agents: { tables: [`http://127.0.0.1:${port}`] } });
    const response = await complete(orchestrator);
    expect(response.headers.get('retry-after-ms')).not.toBeNull();
    expect(response.headers.get('x-should-retry')).toBe('true');
    expect(await readError(response)).toMatchObject({ status: 503, code: 'unavailable' });
    expect(await readModels(orchestrator)).toEqual([]);
  });
});

describe('replicas', () => {
  it('take turns', async () => {
    const twin = await startFakeAgent({ id: 'tables' });
    const orchestrator = await startOrchestrator({ agents: { tables: [tables.origin, twin.origin] } });
    for (let index = 0; index < 6; index += 1) await readCompletion(await complete(orchestrator));
    expect([tables.completions.length, twin.completions.length]).toEqual([3, 3]);
    await twin.close();
  });

  it('stand in for each other where a connection is refused', async () => {
    const ports = [await findFreePort(), await findFreePort()];
    const origins = [...ports.map((port) => `http://127.0.0.1:${port}`), tables.origin];
    const orchestrator = await startOrchestrator({ agents: { tables: origins } });
    for (let index = 0; index < 6; index += 1) {
      expect(contentOf(await readCompletion(await complete(orchestrator)))).toBe('answer of tables');
    }
    expect(tables.completions).toHaveLength(6);
  });

  it('are not asked one after the other what one of them has refused, as of a model that is overloaded', async () => {
    const others = [await startFakeAgent({ id: 'tables' }), await startFakeAgent({ id: 'tables' })];
    const replicas = [tables, ...others];
    for (const replica of replicas) {
      replica.onCompletion((exchange) => exchange.refuse(503, failureOf('unavailable'), { 'x-should-retry': 'true' }));
    }
    const orchestrator = await startOrchestrator({ agents: { tables: replicas.map(({ origin }) => origin) } });
    expect(await readError(await complete(orchestrator))).toMatchObject({ status: 503, message: 'The model provider refuses.' });
    expect(replicas.flatMap(({ completions }) => completions)).toHaveLength(1);
    await Promise.all(others.map((other) => other.close()));
  });

  it('keep their connections: twenty answers need far fewer', async () => {
    // The last frame and the end of the message are two packets, as from a server that awaits between them.
    tables.onCompletion((exchange) => {
      for (const frame of toFrames({ text: 'ok' })) exchange.sendRaw(frame);
      setTimeout(() => exchange.cut('clean-eof'), 5);
    });
    const orchestrator = await startOrchestrator({ agents: [tables] });
    for (let index = 0; index < 20; index += 1) await readCompletion(await complete(orchestrator));
    expect(tables.connectionCount()).toBeLessThan(10);
  });
});

describe('health checks', () => {
  it('put a replica out after three failures and back after one success', async () => {
    const orchestrator = await startOrchestrator({ agents: [tables], env: { HEALTH_TIMEOUT_MS: '200' } });
    const { health } = orchestrator.deps.directory;
    await health.checkAll();
    tables.setReadiness(503);
    await health.checkAll();
    tables.setReadiness('hang');
    await health.checkAll();
    expect((await complete(orchestrator)).status).toBe(200);
    await health.checkAll();
    expect(orchestrator.linesOf('agent.ejected')[0]?.extra).toEqual({ agent_id: 'tables', replica: tables.origin });
    expect(await readError(await complete(orchestrator))).toMatchObject({ status: 503, code: 'unavailable' });
    expect(await readError(await complete(orchestrator, 'hi', { model: 'rubot/tables' }))).toMatchObject({ status: 503 });
    expect(tables.completions).toHaveLength(1);
    tables.setReadiness(200);
    await health.checkAll();
    expect(orchestrator.linesOf('agent.restored')).toHaveLength(1);
    expect((await complete(orchestrator)).status).toBe(200);
  });

  it('decide who may be planned for', async () => {
    const planner = planOf({ id: 's1', agent: 'tables' });
    const orchestrator = await startOrchestrator({ agents: [tables, chat], planner });
    await readModels(orchestrator);
    tables.setReadiness(500);
    for (let round = 0; round < 3; round += 1) await orchestrator.deps.directory.health.checkAll();
    expect(contentOf(await readCompletion(await complete(orchestrator)))).toBe('answer of chat');
    expect(planner.questions).toHaveLength(0);
    expect((await readModels(orchestrator)).map(({ id }) => id)).toEqual(['rubot', 'rubot/chat']);
  });

  it('run by themselves at the interval, and stop', async () => {
    const orchestrator = await startOrchestrator({ agents: [tables], env: { HEALTH_INTERVAL_MS: '20', HEALTH_TIMEOUT_MS: '10' } });
    const { health } = orchestrator.deps.directory;
    health.start();
    await vi.waitFor(() => expect(tables.counts.get('/readyz')).toBeGreaterThan(3));
    health.stop();
    const count = tables.counts.get('/readyz') ?? 0;
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(tables.counts.get('/readyz')).toBeLessThanOrEqual(count + 1);
  });

  it('decide readiness, together with the lifecycle', async () => {
    const orchestrator = await startOrchestrator({ agents: [tables] });
    const readiness = async () => {
      const response = await fetch(`${orchestrator.url}/readyz`);
      return [response.status, await response.json()];
    };
    expect(await readiness()).toEqual([503, { status: 'not_ready', checks: { agents: 'unavailable', database: 'ok', lifecycle: 'ok' } }]);
    await orchestrator.deps.directory.health.checkAll();
    expect(await readiness()).toEqual([200, { status: 'ready', checks: { agents: 'ok', database: 'ok', lifecycle: 'ok' } }]);
    orchestrator.deps.lifecycle.drain();
    expect(await readiness()).toEqual([503, { status: 'not_ready', checks: { agents: 'ok', database: 'ok', lifecycle: 'draining' } }]);
    expect((await fetch(`${orchestrator.url}/healthz`)).status).toBe(200);
    expect(await (await fetch(orchestrator.url)).text()).toBe('ok');
  });
});

describe('the breaker of a replica', () => {
  it('opens after five failures in a row, lets one probe through after its pause, and closes when that succeeds', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    tables.onCompletion((exchange) => exchange.refuse(500, 'broken'));
    const orchestrator = await startOrchestrator({ agents: [tables] });
    for (let index = 0; index < 5; index += 1) expect((await complete(orchestrator)).status).toBe(502);
    expect(orchestrator.linesOf('breaker.opened')).toHaveLength(1);
    expect(await readError(await complete(orchestrator))).toMatchObject({ status: 503, code: 'unavailable' });
    expect(tables.completions).toHaveLength(5);

    vi.setSystemTime(Date.now() + 10_001);
    tables.onCompletion(() => {});
    const probe = complete(orchestrator);
    const exchange = await vi.waitFor(() => expectCompletion(tables, 5));
    // While the probe is out nobody else is let through, and nobody is made to wait for it.
    expect((await complete(orchestrator)).status).toBe(503);
    expect(tables.completions).toHaveLength(6);
    exchange.answer({ text: 'back' });
    expect(contentOf(await readCompletion(await probe))).toBe('back');
    expect(orchestrator.linesOf('breaker.closed')).toHaveLength(1);
    tables.onCompletion((next) => next.answer({ text: 'ok' }));
    expect((await complete(orchestrator)).status).toBe(200);
  });

  it('takes no offence at a request that was refused, or that its client gave up', async () => {
    tables.onCompletion((exchange) =>
      exchange.refuse(400, JSON.stringify({ error: { message: 'no', type: 'invalid_request_error', code: 'invalid_request' } })),
    );
    const orchestrator = await startOrchestrator({ agents: [tables] });
    for (let index = 0; index < 8; index += 1) expect((await complete(orchestrator)).status).toBe(400);
    expect(orchestrator.linesOf('breaker.opened')).toHaveLength(0);
  });

  it('counts a probe that its client gives up neither way: the next request is the probe', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    tables.onCompletion((exchange) => exchange.refuse(500, 'broken'));
    const orchestrator = await startOrchestrator({ agents: [tables] });
    for (let index = 0; index < 5; index += 1) await complete(orchestrator);
    vi.setSystemTime(Date.now() + 10_001);
    tables.onCompletion(() => {});
    for (let round = 0; round < 2; round += 1) {
      const count = tables.completions.length;
      const client = new AbortController();
      const probe = orchestrator
        .complete(ask('hi', { stream: true }), { ...anyRun, signal: client.signal })
        .then((response) => response.text());
      const exchange = await vi.waitFor(() => expectCompletion(tables, count));
      client.abort();
      await expect(probe).rejects.toThrow('aborted');
      await exchange.aborted;
      await vi.waitFor(() => expect(tablesOf(orchestrator).isDead()).toBe(false));
    }
    expect(orchestrator.linesOf('breaker.closed')).toHaveLength(0);
    expect(orchestrator.linesOf('breaker.opened')).toHaveLength(1);
    tables.onCompletion((exchange) => exchange.refuse(500, 'broken'));
    expect((await complete(orchestrator)).status).toBe(502);
    expect((await complete(orchestrator)).status).toBe(503);
    vi.setSystemTime(Date.now() + 10_001);
    tables.onCompletion((exchange) => exchange.answer({ text: 'back' }));
    expect((await complete(orchestrator)).status).toBe(200);
    expect(orchestrator.linesOf('breaker.closed')).toHaveLength(1);
  });

  it('lets others pass as soon as its probe is being answered', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    tables.onCompletion((exchange) => exchange.refuse(500, 'broken'));
    const orchestrator = await startOrchestrator({ agents: [tables] });
    for (let index = 0; index < 5; index += 1) await complete(orchestrator);
    vi.setSystemTime(Date.now() + 10_001);
    tables.onCompletion((exchange) => exchange.sendText('begun'));
    const client = new AbortController();
    const probe = await orchestrator.complete(ask('hi', { stream: true }), { ...anyRun, signal: client.signal });
    expect(orchestrator.linesOf('breaker.closed')).toHaveLength(1);
    tables.onCompletion((exchange) => exchange.answer({ text: 'another' }));
    expect((await complete(orchestrator)).status).toBe(200);
    client.abort();
    await probe.text().catch(() => {});
  });

  it.each<[string, boolean, (exchange: Exchange) => void]>([
    ['breaks off', true, (exchange) => exchange.cut('reset')],
    ['ends without a finish', true, (exchange) => exchange.sendRaw('data: [DONE]\n\n')],
    ['speaks nonsense', true, (exchange) => exchange.sendRaw('data: hello\n\n')],
    ['says that its model failed', false, (exchange) => exchange.sendRaw(`data: ${failureOf('stream_interrupted')}\n\n`)],
    ['says that it broke itself', true, (exchange) => exchange.sendRaw(`data: ${failureOf('internal')}\n\n`)],
    ['runs out of time', false, () => {}],
  ])('judges the whole answer: a replica that %s after its first words is taken out: %s', async (_, isTakenOut, fail) => {
    tables.onCompletion((exchange) => {
      exchange.sendText('begun');
      fail(exchange);
    });
    const orchestrator = await startOrchestrator({ agents: [tables] });
    const headers = { ...anyRun.headers, [HEADERS.timeoutMs]: '500' };
    for (let index = 0; index < 6; index += 1) await orchestrator.complete(ask('hi'), { headers });
    expect(orchestrator.linesOf('breaker.opened')).toHaveLength(isTakenOut ? 1 : 0);
    expect(tables.completions).toHaveLength(isTakenOut ? 5 : 6);
  });

  it.each([
    ['upstream_failed', 502, false],
    ['stream_interrupted', 502, false],
    ['misconfigured', 500, false],
    ['unavailable', 503, false],
    ['internal', 500, true],
  ])('asks who failed: %s (%i), said by the agent itself, opens it: %s', async (code, status, opens) => {
    tables.onCompletion((exchange) => exchange.refuse(status, failureOf(code)));
    const orchestrator = await startOrchestrator({ agents: [tables] });
    const answers = [];
    for (let index = 0; index < 8; index += 1) answers.push(await readError(await complete(orchestrator)));
    expect(orchestrator.linesOf('breaker.opened')).toHaveLength(opens ? 1 : 0);
    expect(answers.slice(0, 5)).toEqual(Array.from({ length: 5 }, () => expect.objectContaining({ code })));
    expect(tables.completions).toHaveLength(opens ? 5 : 8);
  });

  it('of one leaves the other replicas in service', async () => {
    const twin = await startFakeAgent({ id: 'tables' });
    tables.onCompletion((exchange) => exchange.refuse(500, 'broken'));
    const orchestrator = await startOrchestrator({ agents: { tables: [tables.origin, twin.origin] } });
    for (let index = 0; index < 10; index += 1) await complete(orchestrator);
    expect(orchestrator.linesOf('breaker.opened')).toHaveLength(1);
    for (let index = 0; index < 5; index += 1) expect((await complete(orchestrator)).status).toBe(200);
    expect(tables.completions).toHaveLength(5);
    await twin.close();
  });
});

type Exchange = FakeAgent['completions'][number];

function failureOf(code: string): string {
  return JSON.stringify({ error: { message: 'The model provider refuses.', type: 'server_error', param: null, code } });
}

function tablesOf({ deps }: Orchestrator): Agent {
  const agent = deps.directory.agents.get('tables');
  if (agent === undefined) throw new Error('tables is not registered');
  return agent;
}

function expectCompletion(agent: FakeAgent, index: number): Exchange {
  const exchange = agent.completions[index];
  if (exchange === undefined) throw new Error(`completion ${index} has not come yet`);
  return exchange;
}
