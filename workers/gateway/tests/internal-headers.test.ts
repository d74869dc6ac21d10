import { HEADERS } from '@rubot/contracts/headers';
import { describe, expect, it } from 'vitest';
import { CHAT, ENV, IDENTITY, RUN_ID } from './_harness.ts';
import { askWith, createFakePlatform, type FakePlatform, TOKEN_ID } from './_middleware.ts';

/** Every header of ours but for these is for our own services. */
const FOR_CLIENTS: readonly string[] = [
  HEADERS.traceId,
  HEADERS.onDisconnect,
  HEADERS.priority,
  HEADERS.memory,
  HEADERS.sessionStrategy,
  HEADERS.sessionId,
  HEADERS.senderId,
  HEADERS.traceparent,
  HEADERS.requestId,
  HEADERS.lastEventId,
  HEADERS.shouldRetry,
  HEADERS.idempotencyKey,
  HEADERS.idempotentReplayed,
];
const INTERNAL = [
  ...Object.values(HEADERS).filter((name) => !FOR_CLIENTS.includes(name)),
  'x-rubot-of-tomorrow',
  'cf-access-client-id',
  'cf-access-client-secret',
];

interface RefusedRequest {
  readonly name: string;
  readonly value: string;
  readonly reason: string;
}

async function expectRefusal(
  { gateway, middleware }: FakePlatform,
  credential: string,
  { name, value, reason }: RefusedRequest,
): Promise<void> {
  const door = credential === ENV.ADMIN_API_KEY ? ['GET', '/admin/tenants/acme/tokens'] : ['POST', '/v1/chat/completions'];
  const [method = '', path = ''] = door;
  middleware.audit.length = 0;
  const body = method === 'GET' ? {} : { body: CHAT };
  const response = await askWith(gateway, credential, method, path, { ...body, headers: { ...IDENTITY, [name]: value } });
  expect([name, response.status]).toEqual([name, 400]);
  expect(await response.json()).toMatchObject({ error: { code: 'invalid_request', param: name, message: expect.stringContaining(name) } });
  expect(middleware.audit).toMatchObject([{ action: 'request.refused', target: `${method} ${path}`, details: { reason, header: name } }]);
  expect(JSON.stringify(middleware.audit)).not.toContain('forged');
  expect(gateway.toOrchestrator).toEqual([]);
}

describe('a header that only our services may set', () => {
  it('is refused at every door, to whoever sends it, and put on record', async () => {
    const platform = await createFakePlatform();
    const { text } = await platform.middleware.addToken();
    expect(INTERNAL.length).toBeGreaterThan(15);
    for (const name of INTERNAL) {
      for (const credential of [ENV.GATEWAY_API_KEY, text, ENV.ADMIN_API_KEY]) {
        await expectRefusal(platform, credential, { name, value: 'forged', reason: 'internal_header' });
      }
    }
  });

  it('is refused empty too, and in capitals', async () => {
    const platform = await createFakePlatform();
    await expectRefusal(platform, ENV.GATEWAY_API_KEY, { name: 'x-tenant-id', value: '', reason: 'internal_header' });
    const headers = { ...IDENTITY, 'X-TENANT-ID': 'forged' };
    expect((await askWith(platform.gateway, ENV.GATEWAY_API_KEY, 'GET', '/v1/models', { headers })).status).toBe(400);
  });

  it('says who has sent it', async () => {
    const { gateway, middleware } = await createFakePlatform();
    const { text } = await middleware.addToken();
    const headers = { ...IDENTITY, 'x-tenant-id': 'forged' };
    for (const credential of [ENV.GATEWAY_API_KEY, text]) await askWith(gateway, credential, 'GET', '/v1/models', { headers });
    await askWith(gateway, ENV.ADMIN_API_KEY, 'GET', '/admin/audit', { headers });
    expect(middleware.audit.map(({ actor, chain }) => [actor, chain])).toEqual([
      ['chat_source', '*'],
      [`token:${TOKEN_ID}`, 'acme'],
      ['operator', '*'],
    ]);
  });

  it('puts nothing on record of one who has no key', async () => {
    const { gateway } = await createFakePlatform();
    for (const path of ['/v1/models', '/admin/tenants']) {
      expect((await askWith(gateway, 'wrong', 'GET', path, { headers: { 'x-tenant-id': 'forged' } })).status).toBe(401);
    }
    expect(gateway.toMiddleware).toEqual([]);
  });
});

describe('a header of which there can be one', () => {
  it.each([
    'x-chat-source-session-id',
    'x-chat-source-sender-id',
    'idempotency-key',
    'x-rubot-on-disconnect',
    'x-rubot-priority',
    'x-rubot-memory',
    'x-rubot-session-strategy',
  ])('is refused when it is sent twice: %s', async (name) => {
    const platform = await createFakePlatform();
    await expectRefusal(platform, ENV.GATEWAY_API_KEY, { name, value: 'first, forged', reason: 'repeated_header' });
  });

  it('may hold a comma', async () => {
    const { gateway } = await createFakePlatform();
    const headers = { ...IDENTITY, 'idempotency-key': 'a,b' };
    expect((await askWith(gateway, ENV.GATEWAY_API_KEY, 'POST', '/v1/chat/completions', { body: CHAT, headers })).status).toBe(200);
  });
});

describe('a header that goes on', () => {
  it.each(['\v', '\f', '\x1b', '\x7f', 'é'])('holds nothing that the next parser would refuse: %j', async (character) => {
    const { gateway } = await createFakePlatform();
    const accept = `text/plain${character}`;
    expect((await gateway.ask('GET', `/v1/runs/${RUN_ID}/events`, { headers: { accept } })).status).toBe(400);
    expect(gateway.toOrchestrator).toEqual([]);
  });
});

describe('a record that cannot be written', () => {
  const headers = { ...IDENTITY, 'x-tenant-id': 'forged' };

  it('changes nothing of the refusal, and is in the log', async () => {
    const { gateway, middleware } = await createFakePlatform();
    middleware.intercept = () => Response.json({}, { status: 500 });
    expect((await askWith(gateway, ENV.GATEWAY_API_KEY, 'GET', '/v1/models', { headers })).status).toBe(400);
    expect(gateway.lines.find((line) => line.event_type === 'audit.failed')).toMatchObject({ log_level: 'error' });
  });

  it('is an exception: the refusal is on record before it is answered', async () => {
    const { gateway, middleware } = await createFakePlatform();
    let isWritten = false;
    middleware.intercept = async () => {
      await new Promise((resolve) => setTimeout(resolve, 50));
      isWritten = true;
      return new Response(null, { status: 204 });
    };
    await askWith(gateway, ENV.GATEWAY_API_KEY, 'GET', '/v1/models', { headers });
    expect(isWritten).toBe(true);
  });

  it('is work that outlives the request: to leave is no way to stay off the record', async () => {
    const { gateway } = await createFakePlatform();
    const outliving: Promise<unknown>[] = [];
    const context = { waitUntil: (work: Promise<unknown>) => void outliving.push(work), passThroughOnException() {}, props: {} };
    await gateway.request('/v1/models', { headers: { authorization: `Bearer ${ENV.GATEWAY_API_KEY}`, ...headers } }, context);
    expect(outliving).toHaveLength(1);
    await gateway.request('/v1/models', { headers: { authorization: `Bearer ${ENV.GATEWAY_API_KEY}`, ...IDENTITY } }, context);
    expect(outliving).toHaveLength(1);
  });

  it('holds the refusal up for a second, and is written behind it', async () => {
    const { gateway, middleware } = await createFakePlatform();
    const { promise: slow, resolve: write } = Promise.withResolvers<void>();
    const { promise: written, resolve: onWritten } = Promise.withResolvers<void>();
    middleware.intercept = async () => {
      await slow;
      onWritten();
      return new Response(null, { status: 204 });
    };
    expect((await askWith(gateway, ENV.GATEWAY_API_KEY, 'GET', '/v1/models', { headers })).status).toBe(400);
    write();
    await written;
  });
});
