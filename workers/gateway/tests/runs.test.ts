import { verifyGrant } from '@rubot/bearer/grant';
import { importBearerKeys } from '@rubot/bearer/keys';
import { verifyBearer } from '@rubot/bearer/verify';
import type { FetchLike } from '@rubot/http/upstream';
import { describe, expect, it } from 'vitest';
import { bodyOf, CHAT, createHarness, ENV, eventStream, IDENTITY, RUN, RUN_ID, type SentRequest, unlinked } from './_harness.ts';

const encode = (text: string) => new TextEncoder().encode(text);
const decode = (body: SentRequest['body']) => new TextDecoder().decode(body as Uint8Array);
const answersRun: FetchLike = async () => Response.json(RUN);
const answersPage: FetchLike = async () => Response.json({ object: 'list', data: [], last_seq: 3, ended: false });

/** What the orchestrator was sent to act with, verified. */
async function credentialsOf(sent: SentRequest | undefined) {
  const keys = await importBearerKeys({ current: ENV.BEARER_SIGNING_SECRET, previous: undefined });
  const { 'x-rubot-data-bearer': bearer = '', 'x-rubot-bearer-grant': grant = '', 'x-rubot-run-id': runId } = sent?.headers ?? {};
  const nowMs = Date.now();
  return { runId, claims: [await verifyBearer({ keys, bearer, nowMs }), await verifyGrant({ keys, grant, nowMs })] };
}

function streams(...pieces: string[]): FetchLike {
  return async () => eventStream(bodyOf(pieces.map(encode)));
}

describe('POST /v1/runs', () => {
  const accepts: FetchLike = async () =>
    Response.json(RUN, { status: 202, headers: { location: `/v1/runs/${RUN_ID}`, 'retry-after': '2', 'x-rubot-run-id': RUN_ID } });

  it('is accepted as the orchestrator says: status, place, body, when to ask, and the run that it is', async () => {
    const gateway = await createHarness({ orchestrator: accepts });
    const response = await gateway.ask('POST', '/v1/runs', { body: CHAT });
    expect([response.status, await response.json()]).toEqual([202, RUN]);
    const names = ['location', 'retry-after', 'x-rubot-run-id', 'idempotent-replayed', 'content-type', 'cache-control'];
    expect(names.map((name) => response.headers.get(name))).toEqual([
      `/v1/runs/${RUN_ID}`,
      '2',
      RUN_ID,
      null,
      'application/json',
      'no-store',
    ]);
  });

  it('goes on byte for byte, with an id and credentials of its own', async () => {
    const gateway = await createHarness({ orchestrator: accepts });
    const body = '{ "messages": [{"role":"user","content":"hé"}],\n "field_of_2027": {"a": [1, 2.50]} }';
    await gateway.ask('POST', '/v1/runs', { body });
    const [sent] = gateway.toOrchestrator;
    expect(sent).toMatchObject({ method: 'POST', url: `${ENV.ORCHESTRATOR_URL}/v1/runs` });
    expect(decode(sent?.body)).toBe(body);
    const { runId, claims } = await credentialsOf(sent);
    expect(runId).toMatch(/^run_[0-9a-f]{32}$/);
    const subject = { tenant: 'acme', session: IDENTITY['x-chat-source-session-id'], sender: '+15550100', run: runId };
    expect(claims).toMatchObject([subject, subject]);
  });

  it.each<[string, unknown, number]>([
    ['no messages', {}, 400],
    ['broken JSON', '{"messages": [', 400],
    ['two choices', { ...CHAT, n: 2 }, 400],
    ['more than the limit', { messages: [{ role: 'user', content: 'x'.repeat(1_048_577) }] }, 413],
  ])('is refused with %s, as a completion is', async (_name, body, status) => {
    const gateway = await createHarness({ orchestrator: accepts });
    expect((await gateway.ask('POST', '/v1/runs', { body })).status).toBe(status);
    expect(gateway.toOrchestrator).toEqual([]);
  });

  it('is refused before it is begun where the tenant’s line is full', async () => {
    const error = { message: 'The line is full.', type: 'rate_limit_error', param: null, code: 'rate_limited' };
    const gateway = await createHarness({
      orchestrator: async () => Response.json({ error }, { status: 429, headers: { 'retry-after': '7', 'x-should-retry': 'true' } }),
    });
    const response = await gateway.ask('POST', '/v1/runs', { body: CHAT });
    expect([response.status, await response.json()]).toEqual([429, { error }]);
    expect([response.headers.get('retry-after'), response.headers.get('x-should-retry')]).toEqual(['7', 'true']);
  });
});

describe('POST /v1/runs/:runId/approvals/:toolCallId', () => {
  const path = `/v1/runs/${RUN_ID}/approvals/call_1%2F2`;

  it('goes on byte for byte, with fresh credentials of the run', async () => {
    const gateway = await createHarness({ orchestrator: async () => Response.json(RUN, { status: 202 }) });
    const body = '{ "decision": "reject",\n "comment": "not today" }';
    expect((await gateway.ask('POST', path, { body })).status).toBe(202);
    const [sent] = gateway.toOrchestrator;
    expect(sent).toMatchObject({ method: 'POST', url: `${ENV.ORCHESTRATOR_URL}${path}` });
    expect(decode(sent?.body)).toBe(body);
    const { runId, claims } = await credentialsOf(sent);
    expect([runId, ...claims.map(({ run }) => run)]).toEqual([RUN_ID, RUN_ID, RUN_ID]);
  });

  it.each<[string, string, unknown, number, string]>([
    ['no decision', path, {}, 400, 'invalid_request'],
    ['a decision that is none', path, { decision: 'perhaps' }, 400, 'invalid_request'],
    ['a field that would be lost', path, { decision: 'approve', until: 'noon' }, 400, 'invalid_request'],
    ['a comment that is too long', path, { decision: 'reject', comment: 'x'.repeat(2_001) }, 400, 'invalid_request'],
    ['broken JSON', path, '{', 400, 'invalid_request'],
    ['more than the limit', path, { decision: 'reject', comment: 'x'.repeat(1_048_577) }, 413, 'payload_too_large'],
    ['a run that is none', '/v1/runs/7/approvals/call_1', { decision: 'approve' }, 404, 'not_found'],
  ])('is refused with %s', async (_name, target, body, status, code) => {
    const gateway = await createHarness({ orchestrator: answersRun });
    const response = await gateway.ask('POST', target, { body });
    expect([response.status, await response.json()]).toMatchObject([status, { error: { code } }]);
    expect(gateway.toOrchestrator).toEqual([]);
  });
});

describe('requests about runs', () => {
  it.each<['GET' | 'POST', string, FetchLike]>([
    ['GET', '', answersRun],
    ['GET', `/${RUN_ID}`, answersRun],
    ['GET', `/${RUN_ID}/events?after_seq=3&limit=2`, answersPage],
    ['POST', `/${RUN_ID}/cancel`, answersRun],
    ['GET', `/../traces/${'a1'.repeat(16)}`, async () => Response.json({ object: 'trace', id: 'a1'.repeat(16), runs: [RUN] })],
  ])('reach the orchestrator in the name of the sender’s tenant: %s %s', async (method, path, orchestrator) => {
    const gateway = await createHarness({ orchestrator });
    expect((await gateway.ask(method, `/v1/runs${path}`, { headers: { cookie: 'c=1' } })).status).toBe(200);
    const [sent] = gateway.toOrchestrator;
    expect(sent).toMatchObject({ method, url: new URL(`${ENV.ORCHESTRATOR_URL}/v1/runs${path}`).href });
    expect(sent?.headers).toMatchObject({
      'x-tenant-id': 'acme',
      'x-chat-source-sender-id': IDENTITY['x-chat-source-sender-id'],
      'x-rubot-allowed-agents': 'tables',
    });
    for (const name of ['cookie', 'x-rubot-data-bearer', 'x-rubot-bearer-grant']) expect(sent?.headers).not.toHaveProperty([name]);
  });

  it('say how the client reads', async () => {
    const gateway = await createHarness({ orchestrator: answersPage });
    const reading = { 'last-event-id': '3', accept: 'application/json' };
    await gateway.ask('GET', `/v1/runs/${RUN_ID}/events`, { headers: reading });
    expect(gateway.toOrchestrator[0]?.headers).toMatchObject(reading);
  });

  const every = [
    ['GET', '/v1/runs', undefined],
    ['POST', '/v1/runs', CHAT],
    ['GET', `/v1/runs/${RUN_ID}`, undefined],
    ['GET', `/v1/runs/${RUN_ID}/events`, undefined],
    ['POST', `/v1/runs/${RUN_ID}/cancel`, undefined],
    ['POST', `/v1/runs/${RUN_ID}/approvals/call_1`, { decision: 'approve' }],
  ] as const;

  it.each(every)('are refused to whoever has no key, no identity, or no tenant: %s %s', async (method, path, body) => {
    const gateway = await createHarness({ orchestrator: answersRun, middleware: unlinked });
    expect((await gateway.ask(method, path, { body, headers: { authorization: '' } })).status).toBe(401);
    expect((await gateway.ask(method, path, { body, headers: { 'x-chat-source-sender-id': '' } })).status).toBe(400);
    const response = await gateway.ask(method, path, { body });
    expect([response.status, await response.json()]).toMatchObject([403, { error: { code: 'forbidden' } }]);
    expect(gateway.toOrchestrator).toEqual([]);
  });

  it.each(every)('pass the orchestrator’s refusals on: %s %s', async (method, path, body) => {
    const error = { message: 'There is no such run.', type: 'invalid_request_error', param: null, code: 'not_found' };
    const gateway = await createHarness({ orchestrator: async () => Response.json({ error }, { status: 404 }) });
    const response = await gateway.ask(method, path, { body });
    expect([response.status, await response.json()]).toEqual([404, { error }]);
  });
});

describe('the events of a run', () => {
  const chunk = 'id: 2\ndata: {"choices":[]}\n\n';
  const path = `/v1/runs/${RUN_ID}/events`;

  it.each(['id: 3\nevent: end\ndata: {}\n\n', 'event: end\ndata: {}\n\n'])('are whole when they end with their end: %j', async (end) => {
    const { ask } = await createHarness({ orchestrator: streams(chunk, end) });
    const response = await ask('GET', path);
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    expect(await response.text()).toBe(chunk + end);
  });

  it('are whole when they end with what the orchestrator says of a reader that is too slow', async () => {
    const cut = 'data: {"error":{"message":"m","type":"server_error","param":null,"code":"slow_reader"}}\n\n';
    const { ask, lines } = await createHarness({ orchestrator: streams(chunk, cut) });
    expect(await (await ask('GET', path)).text()).toBe(chunk + cut);
    expect(lines.find((line) => line.event_type === 'request.completed')).toMatchObject({ error: { code: 'slow_reader' } });
  });

  it.each([chunk, `${chunk}id: 3\nevent: step\ndata: {}\n\n`, `${chunk}id: 3\nevent: end\ndata: {`])(
    'are told to be a piece when they are cut: %j',
    async (piece) => {
      const { ask, lines } = await createHarness({ orchestrator: streams(piece) });
      const text = await (await ask('GET', path)).text();
      expect(text).toMatch(/\n\ndata: \{"error":\{.*"code":"stream_interrupted"\}\}\n\n$/);
      expect(lines.find((line) => line.event_type === 'request.completed')).toMatchObject({ error: { code: 'stream_interrupted' } });
    },
  );
});
