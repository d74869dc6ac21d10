import { type FakeAgent, startFakeAgent } from '@rubot/testkit/fake-agent';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ask, type Orchestrator, plannerWith, planOf, RUN_ID, startOrchestrator } from './_harness.ts';

/** The bound that the product promises for a client's leaving to reach the model. */
const WITHIN_MS = 1_000;

let tables: FakeAgent;
let chat: FakeAgent;

beforeEach(async () => {
  tables = await startFakeAgent({ id: 'tables' });
  chat = await startFakeAgent({ id: 'chat' });
});
afterEach(() => Promise.all([tables.close(), chat.close()]));

async function within<T>(promise: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`took longer than ${WITHIN_MS} ms`)), WITHIN_MS);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

async function expectNoAnswer(response: Promise<Response>): Promise<void> {
  await expect(response).rejects.toThrow();
}

async function expectCancelledRun(orchestrator: Orchestrator): Promise<void> {
  await vi.waitFor(async () =>
    expect((await orchestrator.findRun(RUN_ID))?.outcome).toMatchObject({ status: 'cancelled', errorCode: 'cancelled' }),
  );
  expect(await orchestrator.nextLine('run.completed')).toMatchObject({ error: { code: 'cancelled' }, extra: { status: 'cancelled' } });
  expect(orchestrator.linesOf('run.completed')).toHaveLength(1);
  expect(orchestrator.linesOf('request.completed')[0]).toMatchObject({ error: { code: 'cancelled' } });
}

describe('a client that leaves', () => {
  it.each([false, true])('before the agent has answered at all (stream: %s)', async (stream) => {
    tables.onCompletion(() => {});
    const orchestrator = await startOrchestrator({ agents: [tables] });
    const client = new AbortController();
    const left = expectNoAnswer(orchestrator.complete(ask('hi', { stream }), { signal: client.signal }));
    const exchange = await tables.nextCompletion();
    client.abort();
    await within(exchange.aborted);
    await left;
    await expectCancelledRun(orchestrator);
  });

  it.each([false, true])('after the agent’s headers, before its first word (stream: %s)', async (stream) => {
    tables.onCompletion((exchange) => exchange.begin());
    const orchestrator = await startOrchestrator({ agents: [tables] });
    const client = new AbortController();
    const left = expectNoAnswer(orchestrator.complete(ask('hi', { stream }), { signal: client.signal }));
    const exchange = await tables.nextCompletion();
    client.abort();
    await within(exchange.aborted);
    await left;
    await expectCancelledRun(orchestrator);
  });

  it('after the hold is over and heartbeats run', async () => {
    tables.onCompletion((exchange) => exchange.begin());
    const orchestrator = await startOrchestrator({ agents: [tables], env: { HOLD_STATUS_MS: '10', HEARTBEAT_MS: '20' } });
    const client = new AbortController();
    const response = await orchestrator.complete(ask('hi', { stream: true }), { signal: client.signal });
    expect(response.status).toBe(200);
    const exchange = await tables.nextCompletion();
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    expect((await reader?.read())?.value).toBe(': ping\n\n');
    client.abort();
    await within(exchange.aborted);
    await expectCancelledRun(orchestrator);
  });

  it('in the middle of the words', async () => {
    tables.onCompletion((exchange) => exchange.sendText('begun'));
    const orchestrator = await startOrchestrator({ agents: [tables] });
    const client = new AbortController();
    const response = await orchestrator.complete(ask('hi', { stream: true }), { signal: client.signal });
    const exchange = await tables.nextCompletion();
    await response.body?.getReader().read();
    client.abort();
    await within(exchange.aborted);
    await expectCancelledRun(orchestrator);
  });

  it('stops every agent that works for it, also those that wait for their turn', async () => {
    for (const agent of [tables, chat]) agent.onCompletion((exchange) => exchange.sendText('begun'));
    const planner = planOf({ id: 's1', agent: 'tables' }, { id: 's2', agent: 'chat' });
    const orchestrator = await startOrchestrator({ agents: [tables, chat], planner });
    const client = new AbortController();
    const response = await orchestrator.complete(ask('hi', { stream: true }), { signal: client.signal });
    const exchanges = await Promise.all([tables.nextCompletion(), chat.nextCompletion()]);
    await response.body?.getReader().read();
    client.abort();
    await within(Promise.all(exchanges.map((exchange) => exchange.aborted)));
    await expectCancelledRun(orchestrator);
  });

  it('gets no partial answer, and the run none either, although one agent had ended', async () => {
    tables.onCompletion((exchange) => exchange.answer({ text: 'all of it' }));
    chat.onCompletion((exchange) => exchange.begin());
    const planner = planOf({ id: 's1', agent: 'tables' }, { id: 's2', agent: 'chat' });
    const orchestrator = await startOrchestrator({ agents: [tables, chat], planner });
    const client = new AbortController();
    const left = expectNoAnswer(orchestrator.complete(ask('hi'), { signal: client.signal }));
    const exchange = await chat.nextCompletion();
    await orchestrator.nextLine('slice.completed');
    client.abort();
    await within(exchange.aborted);
    await left;
    await expectCancelledRun(orchestrator);
  });

  it('stops an agent that was made to wait because its buffer is full', async () => {
    tables.onCompletion((exchange) => exchange.sendText('begun'));
    chat.onCompletion((exchange) => {
      for (let index = 0; index < 300; index += 1) exchange.sendText('x'.repeat(10_000));
    });
    const planner = planOf({ id: 's1', agent: 'tables' }, { id: 's2', agent: 'chat' });
    const orchestrator = await startOrchestrator({ agents: [tables, chat], planner });
    const client = new AbortController();
    const response = await orchestrator.complete(ask('hi', { stream: true }), { signal: client.signal });
    const exchange = await chat.nextCompletion();
    await response.body?.getReader().read();
    client.abort();
    await within(exchange.aborted);
    await expectCancelledRun(orchestrator);
  });

  it('stops the planner', async () => {
    const { promise: stopped, resolve } = Promise.withResolvers<void>();
    const { promise: asked, resolve: onAsked } = Promise.withResolvers<void>();
    const planner = plannerWith((_, signal) => {
      onAsked();
      return new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          resolve();
          reject(signal.reason as Error);
        });
      });
    });
    const orchestrator = await startOrchestrator({ agents: [tables, chat], planner });
    const client = new AbortController();
    const left = expectNoAnswer(orchestrator.complete(ask('hi'), { signal: client.signal }));
    await asked;
    client.abort();
    await within(stopped);
    await left;
    await expectCancelledRun(orchestrator);
    expect(orchestrator.linesOf('plan.rejected')).toHaveLength(0);
  });
});

describe('a response that is held', () => {
  it('becomes a 200 with heartbeats after the hold, and tells of a late failure in a frame', async () => {
    tables.onCompletion(() => {});
    const orchestrator = await startOrchestrator({ agents: [tables], env: { HOLD_STATUS_MS: '20', HEARTBEAT_MS: '20' } });
    const response = await orchestrator.complete(ask('hi', { stream: true }));
    expect(response.status).toBe(200);
    const exchange = await tables.nextCompletion();
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    expect((await reader?.read())?.value).toBe(': ping\n\n');
    exchange.refuse(500, 'broken');
    let rest = '';
    for (let next = await reader?.read(); next?.done === false; next = await reader?.read()) rest += next.value;
    expect(rest).toMatch(/data: \{"error":\{.*"code":"upstream_failed"/);
    expect(rest).not.toContain('[DONE]');
  });

  it('becomes a 200 and a whole answer when the agent is only slow', async () => {
    tables.onCompletion(() => {});
    const orchestrator = await startOrchestrator({ agents: [tables], env: { HOLD_STATUS_MS: '0' } });
    const response = await orchestrator.complete(ask('hi', { stream: true }));
    const exchange = await tables.nextCompletion();
    exchange.answer({ text: ['late', ' words'] });
    const text = await response.text();
    expect(text).toContain('"content":"late"');
    expect(text.trimEnd().endsWith('data: [DONE]')).toBe(true);
  });
});
