import { DeadLetterList, RedriveReport } from '@rubot/contracts/dead-letters';
import { HEADERS } from '@rubot/contracts/headers';
import { type FakeAgent, startFakeAgent, toStepFrame } from '@rubot/testkit/fake-agent';
import { readAgentRequest } from '@rubot/testkit/fake-agent/agent-request';
import { followPlan } from '@rubot/testkit/fake-agent/follow-plan';
import type { ModelExchange } from '@rubot/testkit/model-upstream';
import { UnsecuredJWT } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FakeGateway, startFakeGateway } from './_gateway.ts';
import { ask, GATEWAY_KEY, gatewayHeaders, type Orchestrator, RUN_ID, readError, startOrchestrator } from './_harness.ts';
import { askRuns, readEvents, readRun, textOf } from './_runs.ts';

const UNKNOWN_RUN = `run_${'0f'.repeat(16)}`;
const NO_USAGE = { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 };
const toRunId = (number: number) => `run_${String(number).padStart(32, '0')}`;

let tables: FakeAgent;
let gateway: FakeGateway;
beforeEach(async () => {
  tables = await startFakeAgent({ id: 'tables' });
  gateway = await startFakeGateway();
});
afterEach(() => tables.close());

function start(options: Partial<Parameters<typeof startOrchestrator>[0]> = {}): Promise<Orchestrator> {
  const { env = {}, ...rest } = options;
  return startOrchestrator({
    agents: [tables],
    env: { GATEWAY_URL: gateway.url, RUN_MAX_RETRIES: '0', BREAKER_FAILURES: '100', ...env },
    ...rest,
  });
}

function withGrant(seconds: number): Record<string, string> {
  return { [HEADERS.bearerGrant]: new UnsecuredJWT({}).setExpirationTime(Math.floor(Date.now() / 1_000) + seconds).encode() };
}

/** A run that fails for good, and is a dead letter when this resolves. */
async function die(orchestrator: Orchestrator, runId = RUN_ID, headers: Record<string, string> = withGrant(3_600)): Promise<void> {
  const response = await fetch(`${orchestrator.url}/v1/runs`, {
    method: 'POST',
    headers: { ...gatewayHeaders(), [HEADERS.runId]: runId, ...headers },
    body: JSON.stringify(ask('pay them')),
  });
  expect(response.status).toBe(202);
  expect((await readEvents(orchestrator, runId)).at(-1)).toMatchObject({ type: 'end', data: { status: 'failed' } });
}

const HOP_KEY = { authorization: `Bearer ${GATEWAY_KEY}` };

async function list(orchestrator: Orchestrator, query = ''): Promise<DeadLetterList> {
  return DeadLetterList.parse(await (await fetch(`${orchestrator.url}/admin/dead-letters${query}`, { headers: HOP_KEY })).json());
}

function requestRedrive(orchestrator: Orchestrator, body: unknown): Promise<Response> {
  const headers = { ...HOP_KEY, 'content-type': 'application/json' };
  return fetch(`${orchestrator.url}/admin/dead-letters/redrive`, { method: 'POST', headers, body: JSON.stringify(body) });
}

async function redrive(orchestrator: Orchestrator, ...runIds: string[]): Promise<RedriveReport['data']> {
  const response = await requestRedrive(orchestrator, { run_ids: runIds });
  expect(response.status).toBe(200);
  return RedriveReport.parse(await response.json()).data;
}

const ticketsOf = (orchestrator: Orchestrator, queue: string) =>
  orchestrator.database.query<{ run_id: string }>("SELECT data ->> 'run_id' AS run_id FROM pgboss.job WHERE name = $1", [queue]);

describe('a dead letter', () => {
  it('that is redriven goes on from its journal as the run that it is, with a fresh bearer, and no call has its effect twice', async () => {
    const effects: string[] = [];
    const plan = followPlan([{ text: 'I pay.', calls: [{ id: 'pay' }] }, { text: 'Paid.' }], {
      runCall: (_call, key) => `receipt ${effects.push(key)}`,
    });
    let isBroken = true;
    tables.onCompletion((exchange) => {
      const { openCalls, idempotencyKeyOf } = readAgentRequest(exchange);
      const [call] = openCalls;
      if (!isBroken || call === undefined) return plan(exchange);
      effects.push(idempotencyKeyOf(call.id));
      exchange.sendRaw(
        toStepFrame({ index: 1, usage: NO_USAGE, messages: [{ role: 'tool', tool_call_id: call.id, content: 'receipt 1' }] }),
      );
      return exchange.cut('reset');
    });
    const orchestrator = await start();
    await die(orchestrator);
    const { data } = await list(orchestrator);
    expect(data).toMatchObject([{ run_id: RUN_ID, tenant_id: 'acme', sender_id: '+15550100', model: 'rubot', attempt: 1 }]);
    expect(data[0]?.error?.code).toBe((await readRun(orchestrator, RUN_ID)).error?.code);
    expect(await orchestrator.database.query('SELECT data_bearer FROM runs')).toEqual([{ data_bearer: null }]);

    isBroken = false;
    expect(await redrive(orchestrator, RUN_ID)).toEqual([{ run_id: RUN_ID, redriven: true }]);
    const events = await readEvents(orchestrator, RUN_ID);
    expect(events.map(({ type }) => type).filter((type) => type !== 'chunk')).toEqual([
      'start',
      'step',
      'step',
      'end',
      'retry',
      'restart',
      'step',
      'end',
    ]);
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
    expect(events.find(({ type }) => type === 'retry')?.data).toEqual({ redriven: true });
    expect(textOf(events)).toBe('I pay.\n\nPaid.');
    expect(await readRun(orchestrator, RUN_ID)).toMatchObject({ status: 'completed', attempt: 2, error: null });
    expect(effects).toEqual([`${RUN_ID}/s1/pay`]);
    expect(tables.completions.map(({ headers }) => headers[HEADERS.dataBearer])).toEqual([
      'the-data-bearer',
      'the-data-bearer',
      'bearer-1',
    ]);
    expect(gateway.renewals).toHaveLength(1);
    expect((await list(orchestrator)).data).toEqual([]);
    expect([await ticketsOf(orchestrator, 'runs_dead'), await ticketsOf(orchestrator, 'runs_cpu')]).toEqual([[], []]);
    expect(orchestrator.linesOf('run.redriven')).toMatchObject([{ run_id: RUN_ID }]);
  });

  it('whose processes had died may die of it three times again, and has time again', async () => {
    tables.onCompletion((exchange) => exchange.begin());
    const orchestrator = await start();
    const { database, deps } = orchestrator;
    const answer = orchestrator.complete(ask('hi'), { headers: { ...withGrant(60), [HEADERS.timeoutMs]: '5000' } });
    await tables.nextCompletion();
    await database.query(
      "UPDATE runs SET crash_count = 2, lease_until = now() - interval '1 second', deadline_at = now() - interval '1 day'",
    );
    await deps.sweeper.sweep();
    expect((await list(orchestrator)).data).toMatchObject([{ run_id: RUN_ID, error: { code: 'run_crashed' } }]);
    deps.activeRuns.abort(RUN_ID, new Error('dead') as never);
    await answer.catch(() => {});

    tables.onCompletion((exchange) => exchange.answer({ text: 'alive' }));
    await redrive(orchestrator, RUN_ID);
    expect(textOf(await readEvents(orchestrator, RUN_ID))).toBe('alive');
    expect(await database.query('SELECT crash_count, failure_count, is_background, deadline_at FROM runs')).toEqual([
      { crash_count: 0, failure_count: 0, is_background: true, deadline_at: null },
    ]);
  });

  it('that fails again is one again, and can be redriven again', async () => {
    tables.onCompletion((exchange) => exchange.cut('reset'));
    const orchestrator = await start();
    await die(orchestrator);
    for (let round = 1; round <= 3; round += 1) {
      await redrive(orchestrator, RUN_ID);
      const events = await readEvents(orchestrator, RUN_ID);
      expect(events.filter(({ type }) => type === 'end')).toHaveLength(round + 1);
      expect((await list(orchestrator)).data).toMatchObject([{ attempt: round + 1 }]);
    }
  });

  it('gets a ticket also where its own is missing among the dead', async () => {
    tables.onCompletion((exchange) => exchange.cut('reset'));
    const orchestrator = await start();
    await die(orchestrator);
    await orchestrator.database.query("DELETE FROM pgboss.job WHERE name = 'runs_dead'");
    tables.onCompletion((exchange) => exchange.answer({ text: 'alive' }));
    await redrive(orchestrator, RUN_ID);
    expect(textOf(await readEvents(orchestrator, RUN_ID))).toBe('alive');
  });

  it('is put back once, however many operators want it', async () => {
    const ROUNDS = 10;
    const worker = await start();
    const waiting = await Promise.all([1, 2].map(() => start({ starts: false, database: worker.database })));
    for (const orchestrator of waiting) await orchestrator.deps.start();
    let redriven = 0;
    for (let round = 0; round < ROUNDS; round += 1) {
      const runId = toRunId(round);
      tables.onCompletion((exchange) => exchange.cut('reset'));
      await die(worker, runId);
      const { promise: isAsked, resolve: release } = Promise.withResolvers<void>();
      // Were it to die again meanwhile, it could be put back again.
      tables.onCompletion((exchange) => void isAsked.then(() => exchange.answer({ text: 'alive' })));
      const reports = await Promise.all([...waiting, ...waiting].map((orchestrator) => redrive(orchestrator, runId)));
      const done = reports.flat().filter((result) => result.redriven);
      expect(done).toHaveLength(1);
      redriven += done.length;
      release();
      const events = await readEvents(worker, runId);
      expect(events.filter(({ type }) => type === 'retry')).toHaveLength(1);
    }
    expect(redriven).toBe(ROUNDS);
  });
});

describe('redriving several', () => {
  it('says of each that cannot be, why, and goes on with the others', async () => {
    tables.onCompletion((exchange) => exchange.cut('reset'));
    const orchestrator = await start();
    const [dead, completed, expired, withoutGrant, inBusySession] = [1, 2, 3, 4, 5].map(toRunId) as [
      string,
      string,
      string,
      string,
      string,
    ];
    await die(orchestrator, dead);
    await die(orchestrator, expired, withGrant(-60));
    await die(orchestrator, withoutGrant, {});
    await die(orchestrator, inBusySession, { ...withGrant(60), [HEADERS.memory]: 'session' });
    tables.onCompletion((exchange) => exchange.answer({ text: 'ok' }));
    await orchestrator.complete(ask('hi'), { headers: { [HEADERS.runId]: completed } });
    const { promise: isBegun, resolve } = Promise.withResolvers<ModelExchange>();
    tables.onCompletion((exchange) => {
      exchange.sendText('begun ');
      resolve(exchange);
    });
    const busy = orchestrator.complete(ask('hi', { stream: true }), { headers: { [HEADERS.memory]: 'session' } }).then((r) => r.text());
    const answering = await isBegun;

    const ids = [UNKNOWN_RUN, completed, expired, withoutGrant, inBusySession, dead, dead];
    const report = await redrive(orchestrator, ...ids);
    expect(report).toMatchObject([
      { run_id: UNKNOWN_RUN, redriven: false, error: { code: 'not_found' } },
      {
        run_id: completed,
        redriven: false,
        error: { code: 'conflict', message: expect.stringContaining('is completed, and no dead letter') },
      },
      { run_id: expired, redriven: false, error: { code: 'conflict', message: expect.stringContaining('no right left') } },
      { run_id: withoutGrant, redriven: false, error: { code: 'conflict', message: expect.stringContaining('no right left') } },
      { run_id: inBusySession, redriven: false, error: { code: 'conflict', message: expect.stringContaining(RUN_ID) } },
      { run_id: dead, redriven: true },
    ]);
    expect((await list(orchestrator)).data.map(({ run_id: runId }) => runId)).toEqual([inBusySession, withoutGrant, expired]);

    // Once its session is free, it has its turn there, and what it answers is remembered.
    answering.finish();
    await busy;
    tables.onCompletion((exchange) => exchange.answer({ text: 'at last' }));
    expect(await redrive(orchestrator, inBusySession)).toMatchObject([{ redriven: true }]);
    expect(textOf(await readEvents(orchestrator, inBusySession))).toBe('at last');
    expect(JSON.stringify(tables.completions.at(-1)?.body['messages'])).toContain('begun');
    expect(await orchestrator.database.query('SELECT active_run_id, turn_count FROM sessions')).toEqual([
      { active_run_id: null, turn_count: 2 },
    ]);
  });

  it('is refused where no fresh bearer could be had, before anything is done', async () => {
    tables.onCompletion((exchange) => exchange.cut('reset'));
    const orchestrator = await startOrchestrator({ agents: [tables], env: { RUN_MAX_RETRIES: '0' } });
    await die(orchestrator);
    const refused = await readError(await requestRedrive(orchestrator, { run_ids: [RUN_ID] }));
    expect(refused).toMatchObject({ status: 500, code: 'misconfigured', message: expect.stringContaining('GATEWAY_URL') });
    expect((await list(orchestrator)).data).toHaveLength(1);
  });

  it.each([
    ['no ids', { run_ids: [] }, 'run_ids'],
    ['too many', { run_ids: Array.from({ length: 101 }, (_, index) => toRunId(index)) }, 'run_ids'],
    ['what is no id', { run_ids: ['all'] }, 'run_ids[0]'],
    ['something else', [], null],
  ])('refuses %s', async (_, body, param) => {
    expect(await readError(await requestRedrive(await start(), body))).toMatchObject({ status: 400, code: 'invalid_request', param });
  });
});

describe('the list', () => {
  it('comes in pages, newest first, of all tenants', async () => {
    tables.onCompletion((exchange) => exchange.cut('reset'));
    const orchestrator = await start();
    for (const number of [1, 2, 3, 4, 5]) await die(orchestrator, toRunId(number));
    await orchestrator.database.query("UPDATE runs SET tenant_id = 'other' WHERE run_id = $1", [toRunId(3)]);
    const first = await list(orchestrator, '?limit=2');
    const second = await list(orchestrator, `?limit=2&cursor=${first.next_cursor}`);
    const third = await list(orchestrator, `?limit=2&cursor=${second.next_cursor}`);
    expect([first, second, third].flatMap(({ data }) => data.map((letter) => letter.run_id))).toEqual([5, 4, 3, 2, 1].map(toRunId));
    expect(third.next_cursor).toBeUndefined();
  });

  it('is for whoever holds the hop key, and asks for itself alone', async () => {
    const orchestrator = await start();
    for (const path of ['/admin/dead-letters', '/admin/dead-letters/redrive']) {
      expect((await fetch(`${orchestrator.url}${path}`, { method: path.endsWith('e') ? 'POST' : 'GET' })).status).toBe(401);
    }
    for (const query of ['?limit=0', '?limit=201', '?cursor=5']) {
      expect((await fetch(`${orchestrator.url}/admin/dead-letters${query}`, { headers: HOP_KEY })).status).toBe(400);
    }
    expect((await askRuns(orchestrator, '?status=dead')).status).toBe(400);
  });
});
