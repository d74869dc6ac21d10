import { HEADERS } from '@rubot/contracts/headers';
import type { CallerLimits } from '@rubot/contracts/limits';
import { Trace } from '@rubot/contracts/runs';
import { newRunId } from '@rubot/http/run-id';
import { type FakeAgent, startFakeAgent } from '@rubot/testkit/fake-agent';
import { followPlan } from '@rubot/testkit/fake-agent/follow-plan';
import OpenAI from 'openai';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type DatabaseOfTest, openTestDatabase } from './_database.ts';
import {
  ask,
  contentOf,
  gatewayHeaders,
  type Orchestrator,
  planOf,
  readCompletion,
  readError,
  readStream,
  startOrchestrator,
  TRACE_ID,
} from './_harness.ts';
import { countReservations, NOON, readKept } from './_limits.ts';
import { METRICS_KEY, scrape } from './_metrics.ts';
import { startReplica } from './_process.ts';
import { askRuns, readRun } from './_runs.ts';
import { headersOf, postRun, type Sending, startRun, untilStatus } from './_sending.ts';

const TOKEN_ID = `tok_${'a1'.repeat(12)}`;
const PRICES = '{"*":{"input":1,"output":2},"planner":{"input":100,"output":100}}';

let tables: FakeAgent;
let database: DatabaseOfTest;
beforeEach(async () => {
  tables = await startFakeAgent({ id: 'tables' });
  database = await openTestDatabase();
});
afterEach(() => tables.close());

function start(env: Record<string, string> = {}, options: Partial<Parameters<typeof startOrchestrator>[0]> = {}): Promise<Orchestrator> {
  return startOrchestrator({ agents: [tables], database, env: { PRICES_JSON: PRICES, ...env }, ...options });
}

function limitedBy(limits: CallerLimits, sending: Sending = {}): { headers: Record<string, string> } {
  return { headers: headersOf({ ...sending, headers: { [HEADERS.limits]: JSON.stringify(limits), ...sending.headers } }) };
}

function rateLimitsOf({ headers }: Response): Record<string, string> {
  return Object.fromEntries(
    [...headers].filter(([name]) => name.startsWith('x-ratelimit-')).map(([name, value]) => [name.slice(12), value]),
  );
}

/** The agent thinks until it is told to answer. */
function holdAgent(): { release(): void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  tables.onCompletion(async (exchange) => {
    await promise;
    exchange.answer({ text: 'at last' });
  });
  return { release: resolve };
}

const USAGE = { prompt_tokens: 300, completion_tokens: 200, total_tokens: 500 };

describe('limits on requests', () => {
  it('let in exactly as many as they say, over all processes, and tell everybody where it stands', async () => {
    const now = () => NOON;
    const orchestrators = await Promise.all([start({}, { now }), start({}, { now })]);
    const limits: CallerLimits = { tenant: { requests_per_minute: 20 }, token: { id: TOKEN_ID, limits: { requests_per_minute: 7 } } };
    const responses = await Promise.all(
      Array.from({ length: 24 }, (_, index) => (orchestrators[index % 2] as Orchestrator).complete(ask('hi'), limitedBy(limits))),
    );
    const accepted = responses.filter(({ status }) => status === 200);
    const refused = responses.filter(({ status }) => status === 429);
    expect([accepted.length, refused.length]).toEqual([7, 17]);
    expect(accepted.map((response) => rateLimitsOf(response)['remaining-requests']).sort()).toEqual(['0', '1', '2', '3', '4', '5', '6']);
    for (const response of refused) {
      expect(rateLimitsOf(response)).toEqual({ 'limit-requests': '7', 'remaining-requests': '0', 'reset-requests': '2m0s' });
      expect([response.headers.get('retry-after'), response.headers.get('x-should-retry')]).toEqual(['69', 'true']);
      // Nothing was begun.
      expect(response.headers.get(HEADERS.runId)).toBeNull();
    }
    expect(await readError(refused[0] as Response)).toMatchObject({
      code: 'rate_limited',
      message: 'The limit requests_per_minute of this API token is 7. So many runs were begun within the last minute. Try again in 69 s.',
    });
    expect((await readKept(database))['tenant:acme requests_per_minute']).toEqual({ used: 7, previous: 0 });
  });

  it('let in again when Retry-After says so, and not a moment before', async () => {
    let nowMs = NOON + 30_000;
    const orchestrator = await start({}, { now: () => nowMs });
    const request = () => orchestrator.complete(ask('hi'), limitedBy({ tenant: { requests_per_minute: 3 } }));
    for (let count = 0; count < 3; count += 1) expect((await request()).status).toBe(200);
    const refused = await request();
    const retryAfterMs = Number(refused.headers.get('retry-after-ms'));
    expect([refused.status, retryAfterMs]).toEqual([429, 50_000]);
    nowMs += retryAfterMs - 1;
    expect((await request()).status).toBe(429);
    nowMs += 1;
    expect((await request()).status).toBe(200);
    expect((await request()).status).toBe(429);
  });

  it('hold for streams and for runs in the background alike', async () => {
    const orchestrator = await start();
    const limits = { tenant: { requests_per_minute: 2 } };
    const stream = await orchestrator.complete(ask('hi', { stream: true }), limitedBy(limits));
    expect(rateLimitsOf(stream)).toMatchObject({ 'limit-requests': '2', 'remaining-requests': '1' });
    expect((await readStream(stream)).isDone).toBe(true);
    const sending = { headers: { [HEADERS.limits]: JSON.stringify(limits) } };
    const created = await postRun(orchestrator, ask('hi'), sending);
    expect([created.status, rateLimitsOf(created)['remaining-requests']]).toEqual([202, '0']);
    const refused = await postRun(orchestrator, ask('hi'), sending);
    expect([refused.status, rateLimitsOf(refused)['remaining-requests']]).toEqual([429, '0']);
  });

  it('are all counted for the deployment, whoever asks', async () => {
    const orchestrator = await start({ GLOBAL_LIMITS_JSON: '{"requests_per_minute":4}' }, { now: () => NOON });
    const responses = await Promise.all(
      Array.from({ length: 10 }, (_, index) =>
        orchestrator.complete(ask('hi'), limitedBy({ tenant: { requests_per_minute: 3 } }, { tenantId: `tenant-${index % 5}` })),
      ),
    );
    expect(responses.filter(({ status }) => status === 200)).toHaveLength(4);
    const refused = responses.find(({ status }) => status === 429) as Response;
    expect((await readError(refused)).message).toMatch(/^The limit requests_per_minute of this deployment is 4\./);
  });

  it('are not asked again by the OpenAI client where that can never help', async () => {
    const orchestrator = await start();
    const options = limitedBy({ tenant: { requests_per_minute: 0 } });
    const client = new OpenAI({ baseURL: `${orchestrator.url}/v1`, apiKey: 'unused', maxRetries: 3 });
    const request = client.chat.completions.create(
      { model: 'rubot', messages: [{ role: 'user', content: 'hi' }] },
      { headers: { ...gatewayHeaders(), ...options.headers } },
    );
    await expect(request).rejects.toBeInstanceOf(OpenAI.RateLimitError);
    expect(orchestrator.linesOf('request.completed')).toHaveLength(1);
  });

  it('cost a request without any no look at them', async () => {
    const orchestrator = await start();
    expect(
      (await orchestrator.complete(ask('hi'), { headers: headersOf({ headers: { [HEADERS.limits]: '{"tenant":{}}' } }) })).status,
    ).toBe(200);
    expect(await readKept(database)).toEqual({});
    expect(await database.query('SELECT is_limited FROM runs')).toEqual([{ is_limited: false }]);
  });

  it.each(['', '{', '[]', '{"tenant":{"requests_per_minute":-1}}', '{"token":{"limits":{}}}', '{"tenant":{"usd_per_day":"5"}}'])(
    'are not taken for none where they cannot be read: %s',
    async (text) => {
      const orchestrator = await start();
      const response = await orchestrator.complete(ask('hi'), { headers: { [HEADERS.limits]: text } });
      expect(await readError(response)).toMatchObject({ status: 400, code: 'invalid_request', param: HEADERS.limits });
      expect(tables.completions).toHaveLength(0);
    },
  );
});

describe('limits on tokens', () => {
  it('are reserved by an estimate, and settled by what the answer took', async () => {
    const orchestrator = await start({ RESERVED_TOKENS: '1000' }, { now: () => NOON });
    const held = holdAgent();
    const request = ask('x'.repeat(400));
    const promptTokens = Math.ceil(JSON.stringify(request).length / 4);
    const pending = orchestrator.complete(request, limitedBy({ tenant: { tokens_per_minute: 5_000 } }));
    await tables.nextCompletion();
    expect((await readKept(database))['tenant:acme tokens_per_minute']).toEqual({ used: promptTokens + 1_000, previous: 0 });
    held.release();
    const completion = await readCompletion(await pending);
    expect((await readKept(database))['tenant:acme tokens_per_minute']).toEqual({ used: completion.usage?.total_tokens, previous: 0 });
    expect(await countReservations(database)).toBe(0);
  });

  it('refuse with words what they can never hold, and ask for no retry', async () => {
    const orchestrator = await start({}, { now: () => NOON });
    const response = await orchestrator.complete(
      ask('hi', { max_completion_tokens: 9_000 }),
      limitedBy({ tenant: { tokens_per_minute: 5_000 } }),
    );
    expect([response.headers.get('retry-after'), response.headers.get('x-should-retry')]).toEqual([null, 'false']);
    expect(rateLimitsOf(response)).toMatchObject({ 'limit-tokens': '5000', 'remaining-tokens': '5000', 'reset-tokens': '0s' });
    const { status, code, message } = await readError(response);
    expect([status, code]).toEqual([429, 'rate_limited']);
    expect(message).toMatch(
      /^The limit tokens_per_minute of this tenant is 5000\. This request needs 90\d\d by its estimate, more than it can ever hold\./,
    );
  });
});

describe('limits on open runs', () => {
  const limits: CallerLimits = { tenant: { concurrent_runs: 1 } };

  it('let the next one in as soon as one has been answered: whoever asks one after the other never meets them', async () => {
    const orchestrator = await start();
    for (let count = 0; count < 15; count += 1) {
      const stream = count % 2 === 0;
      const response = await orchestrator.complete(ask('hi', { stream }), limitedBy(limits));
      if (stream) expect(await readStream(response)).toMatchObject({ text: 'answer of tables', isDone: true });
      else expect(contentOf(await readCompletion(response))).toBe('answer of tables');
    }
  });

  it('give a place back that is cancelled, or left by its reader', async () => {
    const orchestrator = await start();
    tables.onCompletion(() => {});
    const runId = await startRun(orchestrator, 'hi', { headers: { [HEADERS.limits]: JSON.stringify(limits) } });
    const refused = await orchestrator.complete(ask('hi'), limitedBy(limits));
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '2']);
    expect((await askRuns(orchestrator, `/${runId}/cancel`, { method: 'POST' })).status).toBe(200);
    const reader = new AbortController();
    const left = orchestrator.complete(ask('hi'), { ...limitedBy(limits), signal: reader.signal }).catch(() => {});
    const exchange = await vi.waitFor(() => {
      const last = tables.completions.at(-1);
      if (tables.completions.length < 1 || last === undefined) throw new Error('nobody was asked');
      return last;
    });
    reader.abort();
    await left;
    await exchange.aborted;
    await vi.waitFor(async () => expect(await countReservations(database)).toBe(0), { timeout: 10_000, interval: 20 });
    tables.onCompletion((next) => next.answer({ text: 'there' }));
    expect((await orchestrator.complete(ask('hi'), limitedBy(limits))).status).toBe(200);
  });

  it('give a place back that nobody has given back, as soon as the sweeper looks', async () => {
    const orchestrator = await start({ SWEEP_INTERVAL_MS: '100' });
    tables.onCompletion(() => {});
    const inSession = () =>
      limitedBy({ tenant: { concurrent_runs: 2 } }, { headers: { [HEADERS.memory]: 'session', [HEADERS.sessionStrategy]: 'interrupt' } });
    const interrupted = orchestrator.complete(ask('one thing'), inSession());
    await tables.nextCompletion();
    tables.onCompletion((exchange) => exchange.answer({ text: 'on another' }));
    expect(contentOf(await readCompletion(await orchestrator.complete(ask('another'), inSession())))).toBe('on another');
    expect((await interrupted).status).toBeGreaterThanOrEqual(400);
    await vi.waitFor(async () => expect(await countReservations(database)).toBe(0), { timeout: 10_000, interval: 20 });
  });

  it('count a run that waits for a person, until it has ended', async () => {
    const orchestrator = await start();
    tables.onCompletion(followPlan([{ text: 'I ask.', calls: [{ id: 'pay', name: 'refund', needsApproval: true }] }, { text: 'Done.' }]));
    const runId = await startRun(orchestrator, 'refund me', { headers: { [HEADERS.limits]: JSON.stringify(limits) } });
    await untilStatus(database, 'requires_action');
    expect((await orchestrator.complete(ask('hi'), limitedBy(limits))).status).toBe(429);
    const decided = await fetch(`${orchestrator.url}/v1/runs/${runId}/approvals/pay`, {
      method: 'POST',
      headers: gatewayHeaders(),
      body: JSON.stringify({ decision: 'approve' }),
    });
    expect(decided.status).toBe(200);
    await untilStatus(database, 'completed');
    await vi.waitFor(async () => expect(await countReservations(database)).toBe(0), { timeout: 10_000, interval: 20 });
    expect((await orchestrator.complete(ask('hi'), limitedBy(limits))).status).toBe(200);
  });

  it('hold one place for a run, however often it is tried', async () => {
    const orchestrator = await start({ RUN_MAX_RETRIES: '3' });
    let tries = 0;
    tables.onCompletion((exchange) => {
      tries += 1;
      if (tries < 3) exchange.refuse(503, '{}');
      else exchange.answer({ text: 'at last' });
    });
    await startRun(orchestrator, 'hi', {
      headers: { [HEADERS.limits]: JSON.stringify({ tenant: { concurrent_runs: 1, requests_per_minute: 5 } }) },
    });
    await untilStatus(database, 'completed');
    await vi.waitFor(async () => expect(await countReservations(database)).toBe(0), { timeout: 10_000, interval: 20 });
    const kept = await readKept(database);
    expect([tries >= 3, kept['tenant:acme requests_per_minute']?.used, kept['tenant:acme concurrent_runs']?.used]).toEqual([true, 1, 0]);
  });

  it('are free again after the processes have died that held them, whenever it was', async () => {
    const lease = { RUN_LEASE_MS: '600', RUN_HEARTBEAT_MS: '200', SWEEP_INTERVAL_MS: '100' };
    const replica = await startReplica({ databaseUrl: database.url, registry: { tables: tables.origin }, env: lease });
    tables.onCompletion(() => {});
    const runs = Array.from({ length: 5 }, () => newRunId());
    const header = { [HEADERS.limits]: '{"tenant":{"concurrent_runs":5}}', [HEADERS.onDisconnect]: 'continue' };
    const broken = runs.map((runId) => replica.complete(runId, ask('hi'), header).catch(() => undefined));
    await vi.waitFor(() => expect(tables.completions.length).toBeGreaterThanOrEqual(4), { timeout: 20_000, interval: 20 });
    expect(await countReservations(database)).toBe(5);
    replica.process.kill('SIGKILL');
    await Promise.all(broken);
    tables.onCompletion((exchange) => exchange.answer({ text: 'taken over' }));
    await start(lease);
    await untilStatus(database, 'completed', 5);
    await vi.waitFor(async () => expect(await countReservations(database)).toBe(0), { timeout: 10_000, interval: 20 });
    expect((await readKept(database))['tenant:acme concurrent_runs']?.used).toBe(0);
  });
});

describe('limits on money', () => {
  function answerWithUsage(): void {
    tables.onCompletion((exchange) => {
      exchange.sendText('dear');
      exchange.finish('stop', USAGE);
    });
  }

  it('are spent by what runs cost, and say when they begin anew', async () => {
    const orchestrator = await start({ RESERVED_TOKENS: '100' }, { now: () => NOON });
    answerWithUsage();
    const request = () =>
      orchestrator.complete(
        ask('hi'),
        limitedBy({ tenant: { usd_per_day: 0.0015 }, token: { id: TOKEN_ID, limits: { usd_per_month: 1 } } }),
      );
    expect((await request()).status).toBe(200);
    expect((await request()).status).toBe(200);
    const cost = (300 * 1 + 200 * 2) * 1_000;
    expect((await readKept(database))['tenant:acme usd_per_day']?.used).toBe(2 * cost);
    const refused = await request();
    expect([refused.status, refused.headers.get('x-should-retry'), refused.headers.get('retry-after')]).toEqual([429, 'false', null]);
    expect(await readError(refused)).toMatchObject({
      code: 'insufficient_quota',
      message: expect.stringMatching(
        /^The limit usd_per_day of this tenant is 0\.0015 USD\. 0\.0014 USD are spent or reserved: this run may cost 0\.0002\d* USD\. The limit begins anew at 2026-11-22T00:00:00\.000Z\. Wait until then, or have it raised by the operator\.$/,
      ),
    });
    const [{ run_id: runId } = { run_id: '' }] = await database.query<{ run_id: string }>('SELECT run_id FROM runs LIMIT 1');
    expect((await readRun(orchestrator, runId)).cost_usd).toBeCloseTo(0.0007, 9);
  });

  it('count planner and agents each by their own price', async () => {
    const chat = await startFakeAgent({ id: 'chat' });
    answerWithUsage();
    const orchestrator = await start({}, { agents: [tables, chat], planner: planOf({ id: 's1', agent: 'tables' }), now: () => NOON });
    expect((await orchestrator.complete(ask('hi'), limitedBy({ tenant: { usd_per_month: 5 } }))).status).toBe(200);
    // As the planner of the tests says: 100 tokens in, 10 out.
    expect((await readKept(database))['tenant:acme usd_per_month']?.used).toBe((110 * 100 + 300 * 1 + 200 * 2) * 1_000);
    await chat.close();
  });

  it('refuse where nothing has a price, and say what to set', async () => {
    const orchestrator = await startOrchestrator({ agents: [tables], database });
    const response = await orchestrator.complete(ask('hi'), limitedBy({ tenant: { usd_per_day: 5 } }));
    const { status, code, message } = await readError(response);
    expect([status, code, message.includes('PRICES_JSON')]).toEqual([500, 'misconfigured', true]);
    expect(tables.completions).toHaveLength(0);
  });
});

describe('a request that is made again under its key', () => {
  it('has its answer when the limit is spent, and takes nothing of it', async () => {
    const orchestrator = await start({}, { now: () => NOON });
    const options = () => limitedBy({ tenant: { requests_per_minute: 1, concurrent_runs: 1 } }, { key: 'once' });
    expect(contentOf(await readCompletion(await orchestrator.complete(ask('hi'), options())))).toBe('answer of tables');
    // Not even for a moment, in which another request would be refused.
    const reserve = vi.spyOn(orchestrator.deps.reservations, 'reserve');
    const again = await orchestrator.complete(ask('hi'), options());
    expect(reserve).not.toHaveBeenCalled();
    expect(again.headers.get(HEADERS.idempotentReplayed)).toBe('true');
    expect(rateLimitsOf(again)).toMatchObject({ 'limit-requests': '1', 'remaining-requests': '0' });
    expect(contentOf(await readCompletion(again))).toBe('answer of tables');
    expect((await readKept(database))['tenant:acme requests_per_minute']?.used).toBe(1);
    expect((await orchestrator.complete(ask('other'), options())).status).toBe(422);
    expect((await orchestrator.complete(ask('hi'), limitedBy({ tenant: { requests_per_minute: 1 } }, { key: 'twice' }))).status).toBe(429);
  });

  it('has the answer of its twin, where that has taken what was left in the same moment', async () => {
    const orchestrator = await start();
    const request = () => orchestrator.complete(ask('hi'), limitedBy({ tenant: { requests_per_minute: 1 } }, { key: 'once' }));
    vi.spyOn(orchestrator.deps.runs, 'findByKey').mockImplementationOnce(async () => {
      expect(contentOf(await readCompletion(await request()))).toBe('answer of tables');
      return undefined;
    });
    const later = await request();
    expect([later.status, later.headers.get(HEADERS.idempotentReplayed)]).toEqual([200, 'true']);
    expect(tables.completions).toHaveLength(1);
  });

  it('costs once, however many come at the same moment', async () => {
    const orchestrators = await Promise.all([start(), start()]);
    const responses = await Promise.all(
      Array.from({ length: 12 }, (_, index) =>
        (orchestrators[index % 2] as Orchestrator).complete(
          ask('hi'),
          limitedBy({ tenant: { requests_per_minute: 100 } }, { key: 'once' }),
        ),
      ),
    );
    expect(new Set(responses.map(({ status }) => status))).toEqual(new Set([200]));
    await vi.waitFor(async () => expect((await readKept(database))['tenant:acme requests_per_minute']?.used).toBe(1));
    expect(await countReservations(database)).toBe(0);
  });
});

describe('a request that comes twice under its run id', () => {
  it('costs once: the second leaves to the first what is reserved for it', async () => {
    const orchestrator = await start();
    const held = holdAgent();
    const options = limitedBy({ tenant: { concurrent_runs: 3, requests_per_minute: 9 } }, { runId: newRunId() });
    const first = orchestrator.complete(ask('hi'), options);
    await tables.nextCompletion();
    const second = await orchestrator.complete(ask('hi'), options);
    expect([second.status, await countReservations(database)]).toEqual([409, 1]);
    held.release();
    expect((await first).status).toBe(200);
    const kept = await readKept(database);
    expect([kept['tenant:acme requests_per_minute']?.used, kept['tenant:acme concurrent_runs']?.used]).toEqual([1, 0]);
  });
});

describe('a run that is refused for another reason', () => {
  it('takes nothing of the limits', async () => {
    const orchestrator = await start({ TENANT_QUEUE_DEPTH: '1', RUBOT_ROLE: 'api' });
    const sending = { headers: { [HEADERS.limits]: '{"tenant":{"requests_per_minute":9,"concurrent_runs":9}}' } };
    expect((await postRun(orchestrator, ask('hi'), sending)).status).toBe(202);
    expect((await postRun(orchestrator, ask('hi'), sending)).status).toBe(429);
    const kept = await readKept(database);
    expect([kept['tenant:acme requests_per_minute']?.used, kept['tenant:acme concurrent_runs']?.used]).toEqual([1, 1]);
  });
});

describe('metrics', () => {
  it('tell which limit refuses, and how much is held', async () => {
    const orchestrator = await start({ METRICS_API_KEY: METRICS_KEY });
    tables.onCompletion(() => {});
    const limits = { headers: { [HEADERS.limits]: '{"tenant":{"concurrent_runs":1}}' } };
    await startRun(orchestrator, 'hi', limits);
    expect((await postRun(orchestrator, ask('hi'), limits)).status).toBe(429);
    await vi.waitFor(
      async () =>
        expect(Object.fromEntries(await scrape(orchestrator))).toMatchObject({
          'rubot_runs_limited_total{kind="concurrent_runs",owner="tenant"}': 1,
          'rubot_runs_limited_total{kind="usd_per_day",owner="global"}': 0,
          'rubot_runs_refused_total{code="rate_limited"}': 1,
          rubot_reservations: 1,
        }),
      { timeout: 10_000, interval: 200 },
    );
  });
});

describe('GET /v1/traces/:traceId', () => {
  it('lists the runs of the trace, of this sender alone', async () => {
    const orchestrator = await start();
    const first = await startRun(orchestrator, 'one');
    const second = await startRun(orchestrator, 'two');
    await startRun(orchestrator, 'of another', { senderId: '+15550199' });
    await startRun(orchestrator, 'of another', { tenantId: 'other' });
    const askTrace = (traceId: string, headers: Record<string, string> = {}) =>
      fetch(`${orchestrator.url}/v1/traces/${traceId}`, { headers: { ...gatewayHeaders(), ...headers } });
    const trace = Trace.parse(await (await askTrace(TRACE_ID)).json());
    expect([trace.id, trace.runs.map(({ id }) => id)]).toEqual([TRACE_ID, [first, second]]);
    for (const missing of ['cd'.repeat(16), 'nonsense', 'AB'.repeat(16)]) expect((await askTrace(missing)).status).toBe(404);
    expect((await askTrace(TRACE_ID, { [HEADERS.senderId]: '+15550111' })).status).toBe(404);
    expect((await askTrace(TRACE_ID, { authorization: 'Bearer wrong' })).status).toBe(401);
  });
});
