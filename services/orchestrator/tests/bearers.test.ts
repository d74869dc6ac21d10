import type { StepEvent } from '@rubot/contracts/agent';
import { HEADERS } from '@rubot/contracts/headers';
import { type FakeAgent, startFakeAgent } from '@rubot/testkit/fake-agent';
import { readAgentRequest } from '@rubot/testkit/fake-agent/agent-request';
import { createStepTeller } from '@rubot/testkit/fake-agent/step-teller';
import { UnsecuredJWT } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FakeGateway, startFakeGateway } from './_gateway.ts';
import {
  ask,
  contentOf,
  GATEWAY_KEY,
  gatewayHeaders,
  planOf,
  RUN_ID,
  readCompletion,
  readError,
  startOrchestrator,
  TRACE_ID,
} from './_harness.ts';
import { readEvents, textOf } from './_runs.ts';

const USAGE = { prompt_tokens: 5, completion_tokens: 3, total_tokens: 8 };
const GRANT = 'the-grant';

let tables: FakeAgent;
let chat: FakeAgent;
let gateway: FakeGateway;
beforeEach(async () => {
  tables = await startFakeAgent({ id: 'tables' });
  chat = await startFakeAgent({ id: 'chat' });
  gateway = await startFakeGateway();
});
afterEach(() => Promise.all([tables.close(), chat.close()]));

/** Shaped as the gateway's, for so long from now. */
function bearerFor(seconds: number): string {
  return new UnsecuredJWT({}).setExpirationTime(Math.floor(Date.now() / 1_000) + seconds).encode();
}

function startWithGateway(options: Partial<Parameters<typeof startOrchestrator>[0]> = {}) {
  return startOrchestrator({ agents: [tables], env: { GATEWAY_URL: gateway.url }, ...options });
}

const withBearer = (token: string, grant: string | undefined = GRANT) => ({
  headers: { [HEADERS.dataBearer]: token, [HEADERS.bearerGrant]: grant },
});
const bearersOf = (agent: FakeAgent) => agent.completions.map(({ headers }) => headers[HEADERS.dataBearer]);

function readStep(index: number): StepEvent {
  const call = { id: `call_${index}`, type: 'function' as const, function: { name: 'read', arguments: '{}' } };
  return {
    index,
    messages: [
      { role: 'assistant', content: `Step ${index}.`, tool_calls: [call] },
      { role: 'tool', tool_call_id: call.id, content: 'r' },
    ],
    usage: USAGE,
  };
}

/** An agent that reads something in each step, and behind each is told whether it may go on. */
function readInSteps(stepCount: number, mayGoOn: (exchange: FakeAgent['completions'][number]) => Promise<boolean>): void {
  tables.onCompletion(async (exchange) => {
    const tell = createStepTeller(exchange);
    const doneSteps = readAgentRequest(exchange).journal.filter(({ role }) => role === 'assistant').length;
    for (let index = doneSteps; index < stepCount; index += 1) {
      tell(readStep(index));
      if (!(await mayGoOn(exchange))) return;
    }
    tell({ index: stepCount, messages: [{ role: 'assistant', content: 'Done.' }], usage: USAGE, finish_reason: 'stop' });
  });
}

describe('a bearer', () => {
  it('that is about to die is renewed before an agent gets it', async () => {
    const orchestrator = await startWithGateway();
    await readCompletion(await orchestrator.complete(ask('hi'), withBearer(bearerFor(30))));
    expect(bearersOf(tables)).toEqual(['bearer-1']);
    expect(gateway.renewals).toMatchObject([
      {
        path: 'POST /internal/bearers',
        body: { grant: GRANT },
        headers: { authorization: `Bearer ${GATEWAY_KEY}`, [HEADERS.traceId]: TRACE_ID },
      },
    ]);
    const logged = JSON.stringify(orchestrator.lines);
    for (const secret of [GRANT, 'bearer-1']) expect(logged).not.toContain(secret);
  });

  it.each([
    ['lives for a while yet', 300, GRANT],
    ['cannot be renewed, as there is no grant', 30, undefined],
  ])('that %s is used', async (_, seconds, grant) => {
    const orchestrator = await startWithGateway();
    const token = bearerFor(seconds);
    await readCompletion(
      await orchestrator.complete(ask('hi'), { headers: { [HEADERS.dataBearer]: token, [HEADERS.bearerGrant]: grant } }),
    );
    expect([bearersOf(tables), gateway.renewals.length]).toEqual([[token], 0]);
  });

  it('is used as it is where no gateway was named', async () => {
    const orchestrator = await startOrchestrator({ agents: [tables] });
    const token = bearerFor(30);
    await readCompletion(await orchestrator.complete(ask('hi'), withBearer(token)));
    expect(bearersOf(tables)).toEqual([token]);
  });

  it('is had once for all agents that wait for it', async () => {
    const orchestrator = await startWithGateway({
      agents: [tables, chat],
      planner: planOf({ id: 's1', agent: 'tables' }, { id: 's2', agent: 'chat' }),
    });
    await readCompletion(await orchestrator.complete(ask('hi'), withBearer(bearerFor(30))));
    expect([bearersOf(tables), bearersOf(chat), gateway.renewals.length]).toEqual([['bearer-1'], ['bearer-1'], 1]);
  });
});

describe('an answer of many steps', () => {
  const STEPS = 5;
  const TEXT = 'Step 0.\n\nStep 1.\n\nStep 2.\n\nStep 3.\n\nStep 4.\n\nDone.';

  it('goes on behind each step with a new bearer where the old one dies, and makes no step twice', async () => {
    // Each bearer is to be renewed as soon as it is there.
    gateway.onRenewal({ expiresInSeconds: 0 });
    let cuts = 0;
    readInSteps(STEPS, async ({ aborted }) => {
      await aborted;
      cuts += 1;
      return false;
    });
    const orchestrator = await startWithGateway();
    const completion = await readCompletion(await orchestrator.complete(ask('hi'), withBearer(bearerFor(30))));
    expect(contentOf(completion)).toBe(TEXT);
    expect(completion.usage?.total_tokens).toBe((STEPS + 1) * USAGE.total_tokens);
    expect(cuts).toBe(STEPS);
    expect(new Set(bearersOf(tables)).size).toBe(STEPS + 1);
    expect(tables.completions.map((exchange) => readAgentRequest(exchange).journal.length)).toEqual([0, 2, 4, 6, 8, 10]);
    expect(textOf(await readEvents(orchestrator, RUN_ID))).toBe(TEXT);
    expect((await orchestrator.findRun(RUN_ID))?.steps.map(({ step }) => step.index)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(orchestrator.linesOf('breaker.opened')).toHaveLength(0);
  });

  it.each([
    ['its bearer lives', 300],
    ['no other is to be had while its bearer lives', 30],
  ])('is left alone while %s', async (_, seconds) => {
    gateway.onRenewal({ status: 503, code: 'unavailable', message: 'Not now.' });
    readInSteps(STEPS, () => Promise.resolve(true));
    const orchestrator = await startWithGateway();
    const completion = await readCompletion(await orchestrator.complete(ask('hi'), withBearer(bearerFor(seconds))));
    expect(contentOf(completion)).toBe(TEXT);
    expect(tables.completions).toHaveLength(1);
  });
});

describe('a gateway that gives no bearer', () => {
  it('because the sender has lost the right ends the run, whatever else goes on in it', async () => {
    // The first calls have a bearer that is to be renewed as soon as it is there.
    gateway.onRenewal({ expiresInSeconds: 0 });
    chat.onCompletion((exchange) => exchange.sendText('I go on and on'));
    tables.onCompletion((exchange) => exchange.begin());
    const orchestrator = await startWithGateway({
      agents: [tables, chat],
      planner: planOf({ id: 's1', agent: 'chat' }, { id: 's2', agent: 'tables' }),
    });
    const answer = orchestrator.complete(ask('hi'), withBearer(bearerFor(30)));
    const [other, exchange] = await Promise.all([chat.nextCompletion(), tables.nextCompletion()]);
    gateway.onRenewal({ status: 403, code: 'forbidden', message: 'The sender is not linked any more.' });
    createStepTeller(exchange)(readStep(0));
    expect(await readError(await answer)).toMatchObject({ status: 403, code: 'forbidden', message: 'The sender is not linked any more.' });
    await Promise.all([other.aborted, exchange.aborted]);
    expect((await orchestrator.findRun(RUN_ID))?.outcome).toMatchObject({ status: 'failed', errorCode: 'forbidden' });
  });

  it('because it is down fails an answer that somebody waits for, with a clear reason', async () => {
    gateway.onRenewal({ status: 503, code: 'unavailable', message: 'Not now.' });
    const orchestrator = await startWithGateway();
    const response = await orchestrator.complete(ask('hi'), withBearer(bearerFor(-1)));
    expect(await readError(response)).toMatchObject({ status: 503, code: 'unavailable' });
    expect(tables.completions).toHaveLength(0);
  });

  it('because it is down has a run tried again that nobody waits for', async () => {
    gateway.onRenewal({ status: 503, code: 'unavailable', message: 'Not now.' });
    const orchestrator = await startWithGateway();
    const created = await fetch(`${orchestrator.url}/v1/runs`, {
      method: 'POST',
      headers: { ...gatewayHeaders(), [HEADERS.dataBearer]: bearerFor(-1), [HEADERS.bearerGrant]: GRANT },
      body: JSON.stringify(ask('hi')),
    });
    expect(created.status).toBe(202);
    const line = await orchestrator.nextLine('run.retried');
    expect(line).toMatchObject({ error: { code: 'unavailable' }, run_id: RUN_ID });
    gateway.onRenewal({ expiresInSeconds: 300 });
    const events = await readEvents(orchestrator, RUN_ID);
    expect(events.map(({ type }) => type).filter((type) => type !== 'chunk')).toEqual(['start', 'retry', 'restart', 'end']);
    expect(events.find(({ type }) => type === 'retry')?.data).toMatchObject({ reason: { code: 'unavailable' } });
    expect(bearersOf(tables)).toEqual(['bearer-1']);
  });
});
