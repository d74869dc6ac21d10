import { RATE_LIMIT_HEADERS } from '@rubot/contracts/limits';
import type { FetchLike } from '@rubot/http/upstream';
import { describe, expect, it } from 'vitest';
import { bodyOf, CHAT, COMPLETION, createHarness, eventStream, RUN, RUN_ID } from './_harness.ts';

const WISHES = {
  'idempotency-key': 'order-1',
  'x-rubot-on-disconnect': 'continue',
  'x-rubot-priority': 'high',
  'x-rubot-memory': 'session',
  'x-rubot-session-strategy': 'reject',
};
const POSTS = [
  ['/v1/chat/completions', CHAT],
  ['/v1/runs', CHAT],
  [`/v1/runs/${RUN_ID}/cancel`, undefined],
  [`/v1/runs/${RUN_ID}/approvals/call_1`, { decision: 'approve' }],
] as const;

/** Answers each request as the orchestrator would, with the given headers. */
function answers(headers: Record<string, string>): FetchLike {
  return async (url) => Response.json(url.endsWith('/completions') ? COMPLETION : RUN, { headers });
}

describe('headers of a client', () => {
  it.each(POSTS)('that say what is wanted of a run go on as they are: %s', async (path, body) => {
    const gateway = await createHarness({ orchestrator: answers({}) });
    expect((await gateway.ask('POST', path, { body, headers: WISHES })).status).toBe(200);
    expect(gateway.toOrchestrator[0]?.headers).toMatchObject(WISHES);
    await gateway.ask('POST', path, { body });
    for (const name of Object.keys(WISHES)) expect(gateway.toOrchestrator[1]?.headers).not.toHaveProperty([name]);
  });

  it('are not judged, but for the key: the orchestrator knows what they may be', async () => {
    const gateway = await createHarness();
    const unknown = { 'x-rubot-priority': 'highest', 'x-rubot-memory': 'for ever' };
    await gateway.complete(CHAT, unknown);
    expect(gateway.toOrchestrator[0]?.headers).toMatchObject(unknown);
  });

  it('may be sent with what has no run too, as SDKs send them with everything', async () => {
    const gateway = await createHarness({ orchestrator: answers({}) });
    const { 'idempotency-key': _key, ...defaults } = WISHES;
    expect((await gateway.ask('GET', `/v1/runs/${RUN_ID}`, { headers: defaults })).status).toBe(200);
  });

  it.each(POSTS)('that are none of these go no further: %s', async (path, body) => {
    const gateway = await createHarness({ orchestrator: answers({}) });
    const foreign = { 'last-event-id': 'forged', cookie: 'forged', traceparent: 'forged', 'x-rubot-trace-id': 'forged' };
    expect((await gateway.ask('POST', path, { body, headers: foreign })).status).toBe(200);
    expect(JSON.stringify(gateway.toOrchestrator[0]?.headers)).not.toContain('forged');
  });

  it.each([
    ['an empty one', ''],
    ['one with a space, as a header that is sent twice has', 'order-1, order-2'],
    ['one that is too long', 'k'.repeat(256)],
    ['one outside of ASCII', 'orden-ñ'],
  ])('include no idempotency key that is none: %s', async (_name, key) => {
    for (const [path, body] of POSTS) {
      const gateway = await createHarness({ orchestrator: answers({}) });
      const response = await gateway.ask('POST', path, { body, headers: { 'idempotency-key': key } });
      expect([response.status, await response.json()]).toMatchObject([
        400,
        { error: { param: 'idempotency-key', code: 'invalid_request' } },
      ]);
      expect(gateway.toOrchestrator).toEqual([]);
      expect(gateway.toMiddleware.map(({ url }) => url)).not.toContain('http://rubot-middleware/internal/sessions/resolve');
    }
  });

  it('include the longest idempotency key that there may be', async () => {
    const gateway = await createHarness();
    const key = `!~${'k'.repeat(253)}`;
    await gateway.complete(CHAT, { 'idempotency-key': key });
    expect(gateway.toOrchestrator[0]?.headers['idempotency-key']).toBe(key);
  });

  it('make a request that bears a key one that may be sent again', async () => {
    const gateway = await createHarness({ orchestrator: async () => Promise.reject(new TypeError('read ECONNRESET')) });
    const shouldRetry = async (headers: Record<string, string>) => (await gateway.complete(CHAT, headers)).headers.get('x-should-retry');
    expect([await shouldRetry({}), await shouldRetry({ 'idempotency-key': 'order-1' })]).toEqual(['false', 'true']);
  });
});

describe('headers of an answer', () => {
  const REPLAYED = { 'idempotent-replayed': 'true', 'x-rubot-run-id': RUN_ID };

  it('say whether it was given before, and of which run it is', async () => {
    const gateway = await createHarness({ orchestrator: answers(REPLAYED) });
    for (const [path, body] of POSTS) {
      const { headers } = await gateway.ask('POST', path, { body });
      expect([headers.get('idempotent-replayed'), headers.get('x-rubot-run-id')]).toEqual(['true', RUN_ID]);
    }
    expect(gateway.toOrchestrator[0]?.headers['x-rubot-run-id']).not.toBe(RUN_ID);
    const completed = gateway.lines.filter((line) => line.event_type === 'request.completed');
    expect(completed.map((line) => line.run_id)).toEqual(POSTS.map(() => RUN_ID));
  });

  it('say so of a stream too', async () => {
    const orchestrator: FetchLike = async () => {
      const { body, headers } = eventStream(bodyOf([new TextEncoder().encode('data: [DONE]\n\n')]));
      return new Response(body, { headers: { ...Object.fromEntries(headers), ...REPLAYED } });
    };
    const gateway = await createHarness({ orchestrator });
    const { headers } = await gateway.complete({ ...CHAT, stream: true });
    expect([headers.get('idempotent-replayed'), headers.get('x-rubot-run-id')]).toEqual(['true', RUN_ID]);
  });

  it('say so of a failure too', async () => {
    const error = { message: 'The agent failed.', type: 'server_error', param: null, code: 'upstream_failed' };
    const gateway = await createHarness({ orchestrator: async () => Response.json({ error }, { status: 502, headers: REPLAYED }) });
    const { status, headers } = await gateway.complete(CHAT, { 'idempotency-key': 'order-1' });
    expect([status, headers.get('idempotent-replayed'), headers.get('x-rubot-run-id')]).toEqual([502, 'true', RUN_ID]);
  });

  it('name no run where the orchestrator has begun none, and the one asked for where nobody knows', async () => {
    const error = { message: 'Too many.', type: 'rate_limit_error', param: null, code: 'rate_limited' };
    const refusals = [
      Response.json({ error }, { status: 429, headers: { 'x-rubot-api-version': 'v1' } }),
      new Response('<html>', { status: 502 }),
    ];
    const named = [];
    for (const refusal of refusals) {
      const gateway = await createHarness({ orchestrator: async () => refusal });
      named.push((await gateway.complete(CHAT)).headers.has('x-rubot-run-id'));
      const line = gateway.lines.find(({ event_type }) => event_type === 'request.completed');
      expect(line?.run_id !== undefined).toBe(named.at(-1));
    }
    expect(named).toEqual([false, true]);
  });

  it('say where the caller stands with its limits, on an answer, a stream and a refusal', async () => {
    const standing = Object.fromEntries(RATE_LIMIT_HEADERS.map((name, index) => [name, String(index + 1)]));
    const error = { message: 'Too many.', type: 'rate_limit_error', param: null, code: 'rate_limited' };
    const refuses: FetchLike = async () => Response.json({ error }, { status: 429, headers: { ...standing, 'retry-after': '7' } });
    const streams: FetchLike = async () => {
      const { body, headers } = eventStream(bodyOf([new TextEncoder().encode('data: [DONE]\n\n')]));
      return new Response(body, { headers: { ...Object.fromEntries(headers), ...standing } });
    };
    for (const [orchestrator, stream] of [[answers(standing), false] as const, [streams, true] as const, [refuses, false] as const]) {
      const { headers } = await (await createHarness({ orchestrator })).complete({ ...CHAT, stream });
      expect(Object.fromEntries(RATE_LIMIT_HEADERS.map((name) => [name, headers.get(name)]))).toEqual(standing);
    }
  });

  it('that are internal, or of something that stands between, end at the gateway', async () => {
    const secret = { 'x-rubot-bearer-grant': 'secret', 'x-rubot-data-bearer': 'secret', 'x-tenant-id': 'secret', 'set-cookie': 'secret=1' };
    const gateway = await createHarness({ orchestrator: answers(secret) });
    const { headers } = await gateway.complete(CHAT);
    const standing = ['x-request-id', 'x-rubot-api-version', 'x-rubot-run-id', 'x-rubot-trace-id'];
    expect([...headers.keys()].sort()).toEqual(['cache-control', 'content-type', ...standing]);
    const page = async () => new Response('<html>', { headers: { location: 'http://10.0.0.1/', 'retry-after': '9', ...secret } });
    const refused = await (await createHarness({ orchestrator: page })).complete(CHAT);
    expect([refused.status, ...refused.headers.values()].join()).not.toMatch(/10\.0\.0\.1|secret/);
    expect(refused.headers.has('retry-after')).toBe(false);
  });
});
