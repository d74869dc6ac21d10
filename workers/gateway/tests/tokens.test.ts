import { makeApiToken } from '@rubot/bearer/api-token';
import { verifyGrant } from '@rubot/bearer/grant';
import { importBearerKeys } from '@rubot/bearer/keys';
import { verifyBearer } from '@rubot/bearer/verify';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CHAT, ENV, IDENTITY, RUN, RUN_ID } from './_harness.ts';
import { askWith, createFakePlatform, refusalOf, TOKEN_ID, TOKEN_SENDER } from './_middleware.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'] });
});
afterEach(() => {
  vi.useRealTimers();
});

const COMPLETIONS = '/v1/chat/completions';

describe('an API token', () => {
  it('speaks for itself: no other header is needed', async () => {
    const { gateway, middleware } = await createFakePlatform();
    const { text } = await middleware.addToken();
    expect((await askWith(gateway, text, 'POST', COMPLETIONS, { body: CHAT })).status).toBe(200);
    expect(gateway.toOrchestrator[0]?.headers).toMatchObject({
      'x-tenant-id': 'acme',
      'x-chat-source-sender-id': TOKEN_SENDER,
      'x-chat-source-session-id': TOKEN_SENDER,
    });
    expect(JSON.stringify([gateway.lines, gateway.toOrchestrator, gateway.toMiddleware])).not.toContain(text.slice(4));
  });

  it('is in all that is minted for its runs', async () => {
    const { gateway, middleware } = await createFakePlatform();
    const { text } = await middleware.addToken();
    await askWith(gateway, text, 'POST', COMPLETIONS, { body: CHAT });
    const keys = await importBearerKeys({ current: ENV.BEARER_SIGNING_SECRET, previous: undefined });
    const { 'x-rubot-data-bearer': bearer = '', 'x-rubot-bearer-grant': grant = '' } = gateway.toOrchestrator[0]?.headers ?? {};
    const claims = [await verifyBearer({ keys, bearer, nowMs: Date.now() }), await verifyGrant({ keys, grant, nowMs: Date.now() })];
    expect(claims).toMatchObject([{ token: TOKEN_ID }, { token: TOKEN_ID }]);
  });

  it('may speak for any sender of its tenant, in any conversation; one that is not named is the sender’s own', async () => {
    const { gateway, middleware } = await createFakePlatform();
    const { text } = await middleware.addToken();
    const asked = [
      { 'x-chat-source-sender-id': '+15550100' },
      { 'x-chat-source-sender-id': '+15550100', 'x-chat-source-session-id': 's' },
      { 'x-chat-source-session-id': 's2' },
      { 'x-chat-source-sender-id': TOKEN_SENDER },
    ];
    for (const headers of asked) expect((await askWith(gateway, text, 'POST', COMPLETIONS, { body: CHAT, headers })).status).toBe(200);
    const told = gateway.toOrchestrator.map(({ headers }) => [headers['x-chat-source-sender-id'], headers['x-chat-source-session-id']]);
    expect(told).toEqual([
      ['+15550100', '+15550100'],
      ['+15550100', 's'],
      [TOKEN_SENDER, 's2'],
      [TOKEN_SENDER, TOKEN_SENDER],
    ]);
  });

  it.each(['+15550199', '+15550300'])('may speak for no sender of another tenant, or of none: %s', async (senderId) => {
    const { gateway, middleware } = await createFakePlatform();
    middleware.tenantOf.set('+15550199', 'other');
    const { text } = await middleware.addToken();
    const headers = { 'x-chat-source-sender-id': senderId };
    expect(await refusalOf(askWith(gateway, text, 'POST', COMPLETIONS, { body: CHAT, headers }))).toEqual([403, 'forbidden']);
    expect(gateway.toOrchestrator).toEqual([]);
    // So that nobody claims a session in the name of a sender of somebody else.
    const question = gateway.toMiddleware.find(({ url }) => url.endsWith('/sessions/resolve'))?.body as string;
    expect(JSON.parse(question)).toEqual({ session_id: senderId, sender_id: senderId, tenant_id: 'acme' });
    const details = { reason: 'sender_of_another_tenant' };
    expect(middleware.audit).toMatchObject([{ actor: `token:${TOKEN_ID}`, chain: 'acme', action: 'access.refused', details }]);
  });

  it('is believed of its tenant even where the middleware says another', async () => {
    const { gateway, middleware } = await createFakePlatform();
    const { text } = await middleware.addToken();
    const other = { status: 'linked', tenant_id: 'other', allowed_agents: null };
    middleware.intercept = (path) => (path === '/internal/sessions/resolve' ? Response.json(other) : undefined);
    expect(await refusalOf(askWith(gateway, text, 'POST', COMPLETIONS, { body: CHAT }))).toEqual([403, 'forbidden']);
  });

  it('has its tenant in the log, also of what it is refused', async () => {
    const { gateway, middleware } = await createFakePlatform();
    const { text } = await middleware.addToken({ scopes: ['run:read'] });
    expect((await askWith(gateway, text, 'POST', COMPLETIONS, { body: CHAT })).status).toBe(403);
    const completed = gateway.lines.filter(({ event_type }) => event_type === 'request.completed');
    expect(completed).toMatchObject([{ tenant_id: 'acme' }]);
  });

  it('has its sender to itself', async () => {
    const { gateway, middleware } = await createFakePlatform();
    const { text } = await middleware.addToken({ token_id: `tok_${'1b'.repeat(12)}` });
    middleware.tenantOf.set(TOKEN_SENDER, 'acme');
    const headers = { ...IDENTITY, 'x-chat-source-sender-id': TOKEN_SENDER };
    for (const credential of [text, ENV.GATEWAY_API_KEY]) {
      expect(await refusalOf(askWith(gateway, credential, 'POST', COMPLETIONS, { body: CHAT, headers }))).toEqual([403, 'forbidden']);
    }
    expect(middleware.audit.map(({ actor, chain, details }) => [actor, chain, details['reason']])).toEqual([
      [`token:tok_${'1b'.repeat(12)}`, 'acme', 'sender_of_a_token'],
      ['chat_source', '*', 'sender_of_a_token'],
    ]);
    expect(gateway.toOrchestrator).toEqual([]);
  });

  it('tells the orchestrator of its limits, and of its tenant’s, with what begins a run and with nothing else', async () => {
    const { gateway, middleware } = await createFakePlatform({ orchestrator: async () => Response.json(RUN) });
    const { text } = await middleware.addToken({ scopes: ['run:write'], limits: { requests_per_minute: 3 } });
    middleware.limitsOf.set('acme', { usd_per_day: 2 });
    await askWith(gateway, text, 'POST', '/v1/runs', { body: CHAT });
    await askWith(gateway, text, 'GET', `/v1/runs/${RUN_ID}`);
    const [begun, read] = gateway.toOrchestrator.map(({ headers }) => headers['x-rubot-limits']);
    const limits = { tenant: { usd_per_day: 2 }, token: { id: TOKEN_ID, limits: { requests_per_minute: 3 } } };
    expect([JSON.parse(begun ?? ''), read]).toEqual([limits, undefined]);
  });

  it('says nothing of limits where there are none', async () => {
    const { gateway, middleware } = await createFakePlatform();
    const { text } = await middleware.addToken();
    await askWith(gateway, text, 'POST', COMPLETIONS, { body: CHAT });
    expect(gateway.toOrchestrator[0]?.headers).not.toHaveProperty('x-rubot-limits');
  });
});

describe('a token that opens nothing', () => {
  it.each<[string, () => string]>([
    ['mistyped', () => makeApiToken().replace(/.$/, (last) => (last === 'a' ? 'b' : 'a'))],
    ['cut', () => makeApiToken().slice(0, -1)],
    ['empty', () => 'rbt_'],
    ['of another kind', () => makeApiToken().replace('rbt_', 'rbh_')],
    ['no token at all', () => 'hunter2'],
    ['a JWS that is not ours', () => 'eyJhbGciOiJIUzI1NiJ9.e30.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'],
  ])('is refused without asking anybody, and without a record: %s', async (_name, make) => {
    const { gateway } = await createFakePlatform();
    for (const path of [COMPLETIONS, '/admin/tenants']) {
      const response = await askWith(gateway, make(), 'POST', path, { body: CHAT });
      expect([response.status, response.headers.get('x-should-retry')]).toEqual([401, 'false']);
      expect(await response.json()).toMatchObject({ error: { code: 'invalid_api_key', type: 'authentication_error', param: null } });
    }
    expect([...gateway.toMiddleware, ...gateway.toOrchestrator]).toEqual([]);
  });

  it.each([
    [COMPLETIONS, 'GATEWAY_API_KEY'],
    ['/admin/tenants', 'ADMIN_API_KEY'],
  ])('is told which keys there are: at %s the %s', async (path, key) => {
    const { gateway } = await createFakePlatform();
    for (const [headers, problem] of [
      [{}, 'No API key was sent'],
      [{ authorization: 'Basic aHVudGVyMg==' }, 'No API key was sent'],
      [{ authorization: 'Bearer hunter2' }, 'The API key is not right'],
      [{ authorization: 'Bearer hunter2-rbt_' }, 'The API key is not right'],
    ] as const) {
      const response = await gateway.request(path, { method: 'POST', headers });
      const message = expect.stringMatching(new RegExp(`^${problem}\\. Send Authorization: Bearer .*${key}`));
      expect(await response.json()).toMatchObject({ error: { code: 'invalid_api_key', message } });
    }
  });

  it.each(['revoked', 'expired'] as const)('is refused with a reason: %s', async (status) => {
    const { gateway, middleware } = await createFakePlatform();
    const { text } = await middleware.addToken({ status });
    const response = await askWith(gateway, text, 'POST', COMPLETIONS, { body: CHAT });
    expect(await response.json()).toMatchObject({ error: { code: 'invalid_api_key', message: expect.stringContaining(status) } });
    expect([response.status, middleware.audit]).toEqual([401, []]);
  });

  it('is not opened by what its middleware remembers of a moment ago: it ends at its own moment', async () => {
    const { gateway, middleware } = await createFakePlatform();
    const { text } = await middleware.addToken({ expires_at: new Date(Date.now() + 1_000).toISOString() });
    expect((await askWith(gateway, text, 'POST', COMPLETIONS, { body: CHAT })).status).toBe(200);
    vi.advanceTimersByTime(1_000);
    expect((await askWith(gateway, text, 'POST', COMPLETIONS, { body: CHAT })).status).toBe(401);
  });

  it('is known for two and a half seconds, and no longer: so is one that opens something', async () => {
    const { gateway, middleware } = await createFakePlatform();
    const { text, known } = await middleware.addToken();
    const status = async () => (await askWith(gateway, text, 'POST', COMPLETIONS, { body: CHAT })).status;
    const questions = () => gateway.toMiddleware.filter(({ url }) => url.endsWith('/tokens/resolve')).length;
    expect([await status(), await status(), questions()]).toEqual([200, 200, 1]);
    known.status = 'revoked';
    vi.advanceTimersByTime(2_501);
    expect([await status(), await status(), questions()]).toEqual([401, 401, 2]);
    known.status = 'active';
    vi.advanceTimersByTime(2_501);
    expect([await status(), questions()]).toEqual([200, 3]);
  });

  it('drives nobody out of memory, however many there are', async () => {
    const { gateway, middleware } = await createFakePlatform();
    const { text } = await middleware.addToken();
    await askWith(gateway, text, 'POST', COMPLETIONS, { body: CHAT });
    const strangers = 10_500;
    for (let count = 0; count < strangers; count += 1) await askWith(gateway, makeApiToken(), 'GET', '/v1/runs');
    await askWith(gateway, text, 'POST', COMPLETIONS, { body: CHAT });
    expect(gateway.toMiddleware.filter(({ url }) => url.endsWith('/tokens/resolve')).length).toBe(strangers + 1);
  });

  it('is a 503 and no 401 where it cannot be found out', async () => {
    const { gateway, middleware } = await createFakePlatform();
    const { text } = await middleware.addToken();
    middleware.intercept = () => Promise.reject(new TypeError('connect ECONNREFUSED'));
    expect(await refusalOf(askWith(gateway, text, 'POST', COMPLETIONS, { body: CHAT }))).toEqual([503, 'unavailable']);
  });
});

describe('the key of the gateway', () => {
  it('can be switched off for clients, and for them alone', async () => {
    const { gateway, middleware } = await createFakePlatform({ env: { GATEWAY_KEY_FOR_CLIENTS: 'off' } });
    const { text } = await middleware.addToken();
    for (const key of [ENV.GATEWAY_API_KEY, ENV.GATEWAY_API_KEY_PREVIOUS]) {
      const response = await askWith(gateway, key, 'POST', COMPLETIONS, { body: CHAT, headers: IDENTITY });
      expect(response.status).toBe(401);
      expect(await response.json()).toMatchObject({ error: { code: 'invalid_api_key', message: expect.stringContaining('API token') } });
    }
    expect((await askWith(gateway, text, 'POST', COMPLETIONS, { body: CHAT })).status).toBe(200);
    expect(await refusalOf(askWith(gateway, ENV.GATEWAY_API_KEY, 'POST', '/internal/bearers', { body: {} }))).toEqual([
      400,
      'invalid_request',
    ]);
  });

  it('sent twice, with itself or with a token, is no key', async () => {
    const { gateway, middleware } = await createFakePlatform();
    const { text } = await middleware.addToken();
    for (const second of [ENV.GATEWAY_API_KEY, text]) {
      const headers = { ...IDENTITY, authorization: `Bearer ${ENV.GATEWAY_API_KEY}, Bearer ${second}` };
      const response = await gateway.request(COMPLETIONS, { method: 'POST', headers, body: JSON.stringify(CHAT) });
      expect(await response.json()).toMatchObject({ error: { code: 'invalid_api_key', message: expect.stringContaining('twice') } });
    }
    expect(gateway.toMiddleware).toEqual([]);
  });
});
