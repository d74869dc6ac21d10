import { HEADERS } from '@rubot/contracts/headers';
import { newRunId } from '@rubot/http/run-id';
import { type FakeAgent, startFakeAgent } from '@rubot/testkit/fake-agent';
import { followPlan } from '@rubot/testkit/fake-agent/follow-plan';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type DatabaseOfTest, openTestDatabase } from './_database.ts';
import { ask, contentOf, gatewayHeaders, type Orchestrator, readCompletion, readError, readStream, startOrchestrator } from './_harness.ts';
import { startReplica } from './_process.ts';
import { askRuns, readEvents, readRun } from './_runs.ts';
import { countRows, headersOf, postRun, type Sending, untilStatus } from './_sending.ts';

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

type Completer = Pick<Orchestrator, 'complete'>;

const QUESTION = ask('hi');
const KEY: Sending = { key: 'key-1' };

function completeUnder(orchestrator: Completer, sending: Sending, body: unknown = QUESTION): Promise<Response> {
  return orchestrator.complete(body, { headers: headersOf(sending) });
}

const isReplay = (response: Response) => response.headers.get(HEADERS.idempotentReplayed) === 'true';
const runOf = (response: Response) => response.headers.get(HEADERS.runId);

describe('a request that is made again under its key', () => {
  it.each([
    [false, '4'],
    [true, '4'],
    [false, '1'],
    [true, '1'],
  ])('is one run and one call of the model, however many copies come at once (stream: %s, slots: %s)', async (stream, slots) => {
    const COPIES = 20;
    tables.onCompletion((exchange) => {
      exchange.sendText('the one ');
      exchange.sendText('answer');
      exchange.finish();
    });
    const replicas = [await start({ WORKER_SLOTS: slots }), await start({ WORKER_SLOTS: slots })];
    const body = ask('hi', { stream });
    const copies = await Promise.all(
      Array.from({ length: COPIES }, async (_, index) => {
        const response = await completeUnder(replicas[index % 2]!, KEY, body);
        const text = stream ? (await readStream(response)).text : contentOf(await readCompletion(response));
        return { text, isReplay: isReplay(response), runId: runOf(response) };
      }),
    );
    expect(new Set(copies.map(({ text }) => text))).toEqual(new Set(['the one answer']));
    expect(new Set(copies.map(({ runId }) => runId)).size).toBe(1);
    expect(copies.filter((copy) => copy.isReplay)).toHaveLength(COPIES - 1);
    expect(tables.completions).toHaveLength(1);
    expect(await countRows(database)).toMatchObject({ runs: 1, keys: 1 });
  });

  it('gets the same answer when it is given long ago, whole and streamed, with all that stands beside it', async () => {
    tables.onCompletion((exchange) => {
      exchange.sendText('the answer');
      exchange.finish('length', { prompt_tokens: 3, completion_tokens: 2 });
    });
    const orchestrator = await start();
    const whole = await readCompletion(await completeUnder(orchestrator, KEY));
    const [{ created } = { created: 0 }] = await database.query<{ created: number }>(
      "UPDATE runs SET created_at = created_at - interval '1 hour' RETURNING floor(extract(epoch FROM created_at))::integer AS created",
    );
    expect(await readCompletion(await completeUnder(orchestrator, KEY))).toEqual({ ...whole, created });
    const streamed = ask('hi', { stream: true, stream_options: { include_usage: true } });
    const first = await completeUnder(orchestrator, { key: 'key-2' }, streamed);
    const again = await completeUnder(orchestrator, { key: 'key-2' }, streamed);
    expect([isReplay(first), isReplay(again)]).toEqual([false, true]);
    const reads = [await readStream(first), await readStream(again)];
    for (const { text, isDone, chunks } of reads) {
      expect([text, isDone, chunks.at(-1)?.usage]).toEqual([
        'the answer',
        true,
        { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
      ]);
      expect(chunks.map(({ choices }) => choices[0]?.finish_reason).filter(Boolean)).toEqual(['length']);
      expect(chunks.filter(({ choices }) => choices[0]?.delta.role === 'assistant')).toHaveLength(1);
    }
    expect(tables.completions).toHaveLength(2);
  });

  it('is the same run where nobody waits for it, whatever its state', async () => {
    const api = await start({ RUBOT_ROLE: 'api' });
    const first = await postRun(api, QUESTION, KEY);
    const second = await postRun(api, QUESTION, KEY);
    expect([first.status, second.status, isReplay(first), isReplay(second)]).toEqual([202, 202, false, true]);
    expect(second.headers.get('location')).toBe(first.headers.get('location'));
    expect(await second.json()).toEqual(await first.json());
    await start();
    await untilStatus(database, 'completed');
    const third = await postRun(api, QUESTION, KEY);
    expect([third.status, isReplay(third), await third.json()]).toMatchObject([202, true, { status: 'completed', attempt: 1 }]);
    expect(await countRows(database)).toMatchObject({ runs: 1, keys: 1 });
  });

  it('survives the process that has answered', async () => {
    const first = await startReplica({ databaseUrl: database.url, registry: { tables: tables.origin } });
    const complete = (body: unknown, options?: { headers?: Record<string, string | undefined> }) =>
      first.complete(newRunId(), body, options?.headers as Record<string, string>);
    expect(contentOf(await readCompletion(await completeUnder({ complete }, KEY)))).toBe('answer of tables');
    first.process.kill('SIGKILL');
    await first.exited;
    const replay = await completeUnder(await start(), KEY);
    expect([isReplay(replay), contentOf(await readCompletion(replay))]).toEqual([true, 'answer of tables']);
    expect(tables.completions).toHaveLength(1);
  });

  it('follows a run that is being answered, and goes on following it when it is begun again before its first word', async () => {
    tables.onCompletion((exchange) => exchange.begin());
    const first = await start({ RUN_HEARTBEAT_MS: '60000', RUN_LEASE_MS: '120000' });
    const left = completeUnder(first, KEY, ask('hi', { stream: true })).catch(() => {});
    await tables.nextCompletion();
    const second = await start();
    const copy = completeUnder(second, KEY, ask('hi', { stream: true }));
    await vi.waitFor(async () => expect((await countRows(database))['runs']).toBe(1));
    tables.onCompletion((exchange) => exchange.answer({ text: 'from the beginning' }));
    await database.query("UPDATE runs SET lease_until = now() - interval '1 second'");
    await second.deps.sweeper.sweep();
    expect((await readStream(await copy)).text).toBe('from the beginning');
    await first.deps.activeRuns.stop();
    await left;
  });
});

describe('another request under a key', () => {
  it('is refused, at either path, and leaves the first alone', async () => {
    const orchestrator = await start();
    await readCompletion(await completeUnder(orchestrator, KEY));
    const before = await countRows(database);
    const others = [
      await completeUnder(orchestrator, KEY, ask('something else')),
      await completeUnder(orchestrator, KEY, ask('hi', { stream: true })),
      await postRun(orchestrator, QUESTION, KEY),
    ];
    for (const response of others) {
      expect(response.headers.get(HEADERS.shouldRetry)).toBe('false');
      expect(await readError(response)).toMatchObject({ status: 422, code: 'idempotency_mismatch', param: 'idempotency-key' });
    }
    expect(await countRows(database)).toEqual(before);
    expect(contentOf(await readCompletion(await completeUnder(orchestrator, KEY)))).toBe('answer of tables');
  });

  it('is refused also while the first is on its way', async () => {
    const orchestrator = await start();
    const bodies = Array.from({ length: 10 }, (_, index) => ask(`question ${index}`));
    const responses = await Promise.all(bodies.map((body) => completeUnder(orchestrator, KEY, body)));
    expect(responses.map(({ status }) => status).sort()).toEqual([200, ...Array(9).fill(422)]);
    expect(tables.completions).toHaveLength(1);
  });

  it.each<[string, Sending]>([
    ['of another sender', { senderId: '+15550199' }],
    ['of another tenant', { tenantId: 'other' }],
    ['of another key', { key: 'key-2' }],
  ])('is none of its business: %s', async (_, sending) => {
    const orchestrator = await start();
    const first = await completeUnder(orchestrator, KEY);
    const other = await completeUnder(orchestrator, { ...KEY, ...sending });
    await Promise.all([readCompletion(first), readCompletion(other)]);
    expect([isReplay(first), isReplay(other)]).toEqual([false, false]);
    expect(runOf(other)).not.toBe(runOf(first));
    expect(tables.completions).toHaveLength(2);
  });

  it('is one in another session, where sessions are remembered, and the same where they are not', async () => {
    const orchestrator = await start();
    const remembered = { headers: { [HEADERS.memory]: 'session' } };
    await readCompletion(await completeUnder(orchestrator, { ...KEY, ...remembered, sessionId: 'one' }));
    expect((await completeUnder(orchestrator, { ...KEY, ...remembered, sessionId: 'two' })).status).toBe(422);
    await readCompletion(await completeUnder(orchestrator, { key: 'key-2', sessionId: 'one' }));
    expect(isReplay(await completeUnder(orchestrator, { key: 'key-2', sessionId: 'two' }))).toBe(true);
  });
});

describe('a failure under a key', () => {
  const refuse = (status: number, code: string) => (exchange: { refuse(status: number, body: string): void }) =>
    exchange.refuse(status, JSON.stringify({ error: { message: 'It failed.', type: 'server_error', param: null, code } }));

  it('that began nothing frees the key: the same request is tried anew', async () => {
    tables.onCompletion(refuse(503, 'unavailable'));
    const orchestrator = await start({ RUN_MAX_RETRIES: '0' });
    const cancelling = { headers: { [HEADERS.onDisconnect]: 'cancel' } };
    const failed = await completeUnder(orchestrator, { ...KEY, ...cancelling });
    expect([failed.status, failed.headers.get(HEADERS.shouldRetry)]).toEqual([503, 'true']);
    expect(await countRows(database)).toMatchObject({ runs: 1, keys: 0 });
    tables.onCompletion((exchange) => exchange.answer({ text: 'now' }));
    const again = await completeUnder(orchestrator, { ...KEY, ...cancelling });
    expect([isReplay(again), contentOf(await readCompletion(again))]).toEqual([false, 'now']);
  });

  it.each([false, true])(
    'that may have begun something is told again as it was, and not to be tried again (stream: %s)',
    async (stream) => {
      tables.onCompletion((exchange) => exchange.cut('reset'));
      const orchestrator = await start({ RUN_MAX_RETRIES: '0' });
      const body = ask('hi', { stream });
      const first = await completeUnder(orchestrator, KEY, body);
      const again = await completeUnder(orchestrator, KEY, body);
      expect([isReplay(first), isReplay(again)]).toEqual([false, true]);
      const failures = [first, again].map(async (response) => [response.headers.get(HEADERS.shouldRetry), await readError(response)]);
      const [told, toldAgain] = await Promise.all(failures);
      expect(told).toMatchObject(['false', { status: 502, code: 'upstream_failed' }]);
      expect(toldAgain).toEqual(told);
      expect(tables.completions).toHaveLength(1);
    },
  );

  it('in the middle of the words is told behind the same words', async () => {
    tables.onCompletion((exchange) => {
      exchange.sendText('half a sen');
      exchange.cut('reset');
    });
    const orchestrator = await start({ RUN_MAX_RETRIES: '0' });
    const body = ask('hi', { stream: true });
    const reads = [
      await readStream(await completeUnder(orchestrator, KEY, body)),
      await readStream(await completeUnder(orchestrator, KEY, body)),
    ];
    for (const { text, isDone, error } of reads)
      expect([text, isDone, error]).toMatchObject(['half a sen', false, { code: 'stream_interrupted' }]);
  });

  it('is told of a run that was cancelled', async () => {
    tables.onCompletion((exchange) => exchange.begin());
    const orchestrator = await start();
    const first = completeUnder(orchestrator, KEY);
    await tables.nextCompletion();
    const [{ run_id: runId }] = (await database.query<{ run_id: string }>('SELECT run_id FROM runs')) as [{ run_id: string }];
    await askRuns(orchestrator, `/${runId}/cancel`, { method: 'POST' });
    expect(await readError(await first)).toMatchObject({ status: 499, code: 'cancelled' });
    const again = await completeUnder(orchestrator, KEY);
    expect([isReplay(again), await readError(again)]).toMatchObject([true, { status: 499, code: 'cancelled' }]);
  });
});

describe('with a key', () => {
  it('a client that leaves comes back for the answer', async () => {
    tables.onCompletion((exchange) => exchange.sendText('begun '));
    const orchestrator = await start();
    const client = new AbortController();
    const body = ask('hi', { stream: true });
    const response = await orchestrator.complete(body, { headers: headersOf(KEY), signal: client.signal });
    const exchange = await tables.nextCompletion();
    client.abort();
    await expect(response.text()).rejects.toThrow();
    await orchestrator.nextLine('request.completed');
    const again = completeUnder(orchestrator, KEY, body);
    exchange.sendText('and done');
    exchange.finish();
    expect((await readStream(await again)).text).toBe('begun and done');
    expect(tables.completions).toHaveLength(1);
  });

  it('a client that leaves for good may say so', async () => {
    tables.onCompletion((exchange) => exchange.begin());
    const orchestrator = await start();
    const client = new AbortController();
    const headers = headersOf({ ...KEY, headers: { [HEADERS.onDisconnect]: 'cancel' } });
    const left = expect(orchestrator.complete(QUESTION, { headers, signal: client.signal })).rejects.toThrow();
    const exchange = await tables.nextCompletion();
    client.abort();
    await left;
    await exchange.aborted;
    await untilStatus(database, 'cancelled');
  });

  it('a run is cancelled once, and every copy hears of it', async () => {
    tables.onCompletion((exchange) => exchange.begin());
    const orchestrator = await start();
    const { headers } = await postRun(orchestrator, QUESTION, { key: 'begun' });
    const runId = headers.get(HEADERS.runId) ?? '';
    await tables.nextCompletion();
    const cancel = (key: string, path = runId) =>
      askRuns(orchestrator, `/${path}/cancel`, { method: 'POST', headers: { [HEADERS.idempotencyKey]: key } });
    const copies = await Promise.all(Array.from({ length: 10 }, () => cancel('cancelled')));
    expect(copies.map(({ status }) => status)).toEqual(Array(10).fill(200));
    for (const copy of copies) expect(await copy.json()).toMatchObject({ id: runId, status: 'cancelled' });
    expect(copies.filter(isReplay)).toHaveLength(9);
    expect((await readEvents(orchestrator, runId)).filter(({ type }) => type === 'end')).toHaveLength(1);
    expect((await cancel('another')).status).toBe(409);
    expect((await cancel('begun')).status).toBe(422);
    expect((await cancel('a b')).status).toBe(400);
  });

  it('a decision is made once, and is the same only with the same words', async () => {
    const effects: string[] = [];
    const plan = [{ text: 'Look.', calls: [{ id: 'a', needsApproval: true }] }, { text: 'Done.' }];
    tables.onCompletion(followPlan(plan, { runCall: (_, key) => `effect ${effects.push(key)}` }));
    const orchestrator = await start();
    const runId = newRunId();
    await postRun(orchestrator, QUESTION, { runId });
    await untilStatus(database, 'requires_action');
    const decide = (key: string, decision: string) =>
      fetch(`${orchestrator.url}/v1/runs/${runId}/approvals/a`, {
        method: 'POST',
        headers: { ...gatewayHeaders(), [HEADERS.idempotencyKey]: key },
        body: JSON.stringify({ decision }),
      });
    const copies = await Promise.all(Array.from({ length: 10 }, () => decide('yes', 'approve')));
    expect(copies.map(({ status }) => status)).toEqual(Array(10).fill(200));
    expect(copies.filter(isReplay)).toHaveLength(9);
    expect((await decide('yes', 'reject')).status).toBe(422);
    expect((await decide('again', 'approve')).status).toBe(409);
    await untilStatus(database, 'completed');
    expect(effects).toHaveLength(1);
    expect((await decide('yes', 'approve')).status).toBe(200);
    expect((await readRun(orchestrator, runId)).status).toBe('completed');
  });
});
