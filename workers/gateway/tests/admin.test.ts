import { describe, expect, it } from 'vitest';
import { CHAT, ENV } from './_harness.ts';
import { askWith, createFakePlatform, type FakePlatform, refusalOf, TOKEN_ID, TOKEN_SENDER } from './_middleware.ts';

const TENANT = {
  tenant_id: 'acme',
  name: 'Acme',
  agent_policy: 'all',
  agents: [],
  tool_policy: 'all',
  tools: [],
  approve_writes: false,
  limits: {},
  created_at: 't',
};
const ACCESS = { agent_policy: 'all', agents: [], tool_policy: 'all', tools: [], approve_writes: true };
const TOKEN = {
  token_id: TOKEN_ID,
  tenant_id: 'acme',
  name: 'ci',
  hint: 'rbt_abcd',
  scopes: ['chat:write'],
  limits: {},
  created_at: 't',
  created_by: 'operator',
  expires_at: 't',
  revoked_at: null,
  last_used_at: null,
};
const ISSUED = { ...TOKEN, token: 'rbt_secret', action_handle: 'rbh_secret' };
const HANDLE = { action_handle: 'rbh_secret', action_id: 'a', token_id: TOKEN_ID, scopes: ['run:read'], expires_at: 't' };
const BINDING = { sender_id: '+1', tenant_id: 'acme', created_at: 't' };
const LINK_PIN = { pin: '123456', tenant_id: 'acme', expires_at: 't' };
const CONNECTION = {
  tenant_id: 'acme',
  provider_id: 'crm',
  kind: 'mcp',
  url: 'https://crm.test/',
  auth: { type: 'bearer' },
  has_credential: true,
  tools: [],
  updated_at: 't',
};
const SAVE_CONNECTION = { kind: 'mcp', url: 'https://crm.test/mcp', auth: { type: 'bearer' }, credential: 'sesame' };
const WISH = { name: 'ci', scopes: ['chat:write'], ttl_seconds: 60 };
const list = (entry: unknown) => ({ object: 'list', data: [entry] });
const T = '/admin/tenants/acme';

/** Method, path, what the client sends; where it goes, what the middleware answers. */
const FORWARDED: readonly (readonly [string, string, unknown, string, unknown])[] = [
  ['GET', '/admin/tenants?limit=7', undefined, '/internal/tenants?limit=7', list(TENANT)],
  ['POST', '/admin/tenants', { tenant_id: 'acme', name: 'Acme' }, '/internal/tenants', TENANT],
  ['GET', T, undefined, '/internal/tenants/acme', TENANT],
  ['PUT', `${T}/access`, ACCESS, '/internal/tenants/acme/access', TENANT],
  ['GET', `${T}/tokens`, undefined, '/internal/tenants/acme/tokens?limit=50', list(TOKEN)],
  ['POST', `${T}/tokens`, WISH, '/internal/tenants/acme/tokens', ISSUED],
  ['DELETE', `${T}/tokens/${TOKEN_ID}`, undefined, `/internal/tenants/acme/tokens/${TOKEN_ID}`, undefined],
  [
    'POST',
    `${T}/tokens/${TOKEN_ID}/action-handles`,
    { action_id: 'a', scopes: ['run:read'] },
    `/internal/tenants/acme/tokens/${TOKEN_ID}/action-handles`,
    HANDLE,
  ],
  ['POST', `${T}/link-pins`, {}, '/internal/tenants/acme/link-pins', LINK_PIN],
  ['GET', '/admin/identity-bindings?tenant_id=acme', undefined, '/internal/identity-bindings?limit=50&tenant_id=acme', list(BINDING)],
  ['POST', '/admin/identity-bindings', { sender_id: '+1', tenant_id: 'acme' }, '/internal/identity-bindings', BINDING],
  ['DELETE', '/admin/identity-bindings/%2B1?tenant_id=acme', undefined, '/internal/identity-bindings/%2B1?tenant_id=acme', undefined],
  ['GET', `${T}/connections`, undefined, '/internal/tenants/acme/connections', list(CONNECTION)],
  ['GET', `${T}/connections/crm`, undefined, '/internal/tenants/acme/connections/crm', CONNECTION],
  ['PUT', `${T}/connections/crm`, SAVE_CONNECTION, '/internal/tenants/acme/connections/crm', CONNECTION],
  ['DELETE', `${T}/connections/crm`, undefined, '/internal/tenants/acme/connections/crm', undefined],
  ['POST', `${T}/connections/crm/refresh`, undefined, '/internal/tenants/acme/connections/crm/refresh', CONNECTION],
  ['POST', '/admin/credentials/reencrypt', undefined, '/internal/credentials/reencrypt', { reencrypted: 1, remaining: 0, unreadable: 0 }],
  ['GET', `${T}/audit/head`, undefined, '/internal/audit/acme/head', { chain: 'acme', seq: 1, hash: 'h', is_authentic: true }],
  ['GET', '/admin/audit/head', undefined, '/internal/audit/*/head', { chain: '*', seq: 0, hash: 'h', is_authentic: true }],
];

function answerWith({ middleware }: FakePlatform, answer: unknown, status = 200): void {
  middleware.intercept = (path) => {
    if (/\/(?:tokens\/resolve|audit)$/.test(path) && !path.includes('tenants')) return undefined;
    return answer === undefined ? new Response(null, { status: 204 }) : Response.json(answer, { status });
  };
}

describe('a request to administer', () => {
  it.each(FORWARDED)('goes on in the name of whoever asks: %s %s', async (method, path, body, target, answer) => {
    const platform = await createFakePlatform();
    const { text } = await platform.middleware.addToken({ scopes: ['admin:*'] });
    answerWith(platform, answer, 201);
    for (const [credential, actor] of [[ENV.ADMIN_API_KEY, 'operator'] as const, [text, `token:${TOKEN_ID}`] as const]) {
      const isOperators = /^\/admin\/(?:tenants(?:$|\?)|credentials|audit)/.test(path);
      if (isOperators && credential === text) continue;
      const response = await askWith(platform.gateway, credential, method, path, { body });
      expect(response.status).toBe(answer === undefined ? 204 : 201);
      if (answer !== undefined) expect([await response.json(), response.headers.get('cache-control')]).toEqual([answer, 'no-store']);
      const sent = platform.gateway.toMiddleware.at(-1);
      expect([sent?.method, sent?.url]).toEqual([method, `http://rubot-middleware${target}`]);
      expect(sent?.headers).toMatchObject({ 'x-rubot-actor': actor, authorization: `Bearer ${ENV.MIDDLEWARE_API_KEY}` });
      if (body !== undefined) expect(JSON.parse(sent?.body as string)).toMatchObject(body as object);
    }
    expect(JSON.stringify(platform.gateway.lines)).not.toMatch(/_secret|sesame|123456/);
  });

  it.each([
    ['POST', '/admin/tenants', { tenant_id: '../x', name: 'Acme' }],
    ['POST', '/admin/tenants', { tenant_id: 'acme', name: 'Acme', limits: { usd_per_day: -1 } }],
    ['PUT', `${T}/access`, { ...ACCESS, limits: { usd_per_day: 1_000 } }],
    ['POST', `${T}/tokens`, { ...WISH, scopes: ['chat:everything'] }],
    ['POST', `${T}/tokens`, { ...WISH, ttl_seconds: 1 }],
    ['POST', `${T}/tokens`, { ...WISH, issuer: { token_id: TOKEN_ID, scopes: ['admin:*'] } }],
    ['POST', `${T}/link-pins`, { pin: '123456' }],
    ['PUT', `${T}/connections/crm`, { ...SAVE_CONNECTION, kind: 'shell' }],
    ['GET', `${T}/audit?limit=100000`, undefined],
    ['GET', '/admin/tenants?limit=0', undefined],
  ])('goes no further with what is wrong: %s %s', async (method, path, body) => {
    const { gateway } = await createFakePlatform();
    expect(await refusalOf(askWith(gateway, ENV.ADMIN_API_KEY, method, path, { body }))).toEqual([400, 'invalid_request']);
    expect(gateway.toMiddleware).toEqual([]);
  });

  it('may ask for the head alone', async () => {
    const platform = await createFakePlatform();
    answerWith(platform, TENANT);
    const response = await askWith(platform.gateway, ENV.ADMIN_API_KEY, 'HEAD', T);
    expect([response.status, await response.text(), platform.gateway.toMiddleware.at(-1)?.method]).toEqual([200, '', 'GET']);
  });

  it('gets the middleware’s refusal as it is', async () => {
    const platform = await createFakePlatform();
    const error = { message: 'There is no such tenant.', type: 'invalid_request_error', param: null, code: 'not_found' };
    answerWith(platform, { error }, 404);
    const response = await askWith(platform.gateway, ENV.ADMIN_API_KEY, 'GET', T);
    expect([response.status, await response.json()]).toEqual([404, { error }]);
  });

  it.each([
    ['POST', `${T}/tokens`, WISH, 'false'],
    ['POST', `${T}/link-pins`, {}, 'false'],
    ['POST', '/admin/tenants', { tenant_id: 'acme', name: 'Acme' }, 'true'],
    ['PUT', `${T}/access`, ACCESS, 'true'],
  ])('may be sent again where it has the effect of once: %s %s', async (method, path, body, shouldRetry) => {
    const { gateway, middleware } = await createFakePlatform();
    middleware.intercept = () => Promise.reject(new TypeError('read ECONNRESET'));
    const response = await askWith(gateway, ENV.ADMIN_API_KEY, method, path, { body });
    expect([response.status, response.headers.get('x-should-retry')]).toEqual([503, shouldRetry]);
  });
});

describe('a token that administers', () => {
  it('says who it is where it issues another', async () => {
    const platform = await createFakePlatform();
    const { text } = await platform.middleware.addToken({ scopes: ['admin:tokens', 'chat:write', 'a-scope-of-tomorrow'] });
    answerWith(platform, ISSUED, 201);
    await askWith(platform.gateway, text, 'POST', `${T}/tokens`, { body: WISH });
    const sent = JSON.parse(platform.gateway.toMiddleware.at(-1)?.body as string);
    expect(sent).toEqual({ ...WISH, issuer: { token_id: TOKEN_ID, scopes: ['chat:write', 'admin:tokens'] } });
    await askWith(platform.gateway, ENV.ADMIN_API_KEY, 'POST', `${T}/tokens`, { body: WISH });
    expect(JSON.parse(platform.gateway.toMiddleware.at(-1)?.body as string)).toEqual(WISH);
  });

  it('sees and changes the senders of its own tenant, whether it names it or not', async () => {
    const platform = await createFakePlatform();
    const { text } = await platform.middleware.addToken({ scopes: ['admin:senders'] });
    answerWith(platform, list(BINDING));
    await askWith(platform.gateway, text, 'GET', '/admin/identity-bindings');
    answerWith(platform, undefined);
    await askWith(platform.gateway, text, 'DELETE', '/admin/identity-bindings/%2B1');
    const sent = platform.gateway.toMiddleware.filter(({ url }) => url.includes('identity-bindings')).map(({ url }) => url);
    expect(sent).toEqual([
      'http://rubot-middleware/internal/identity-bindings?limit=50&tenant_id=acme',
      'http://rubot-middleware/internal/identity-bindings/%2B1?tenant_id=acme',
    ]);
  });

  it.each([
    ['GET', '/admin/identity-bindings?tenant_id=other', undefined],
    ['POST', '/admin/identity-bindings', { sender_id: '+1', tenant_id: 'other' }],
    ['DELETE', '/admin/identity-bindings/%2B1?tenant_id=other', undefined],
  ])('names no other: %s %s', async (method, path, body) => {
    const platform = await createFakePlatform();
    const { text } = await platform.middleware.addToken({ scopes: ['admin:*'] });
    expect(await refusalOf(askWith(platform.gateway, text, method, path, { body }))).toEqual([403, 'forbidden']);
    expect(platform.middleware.audit).toMatchObject([{ actor: `token:${TOKEN_ID}`, chain: 'acme', details: { reason: 'other_tenant' } }]);
    expect(platform.gateway.toMiddleware.some(({ url }) => url.includes('identity-bindings'))).toBe(false);
  });
});

describe('what is ended here', () => {
  it('is a token: nothing is answered from memory after its revocation', async () => {
    const platform = await createFakePlatform();
    const { text, known } = await platform.middleware.addToken();
    const complete = async () => (await askWith(platform.gateway, text, 'POST', '/v1/chat/completions', { body: CHAT })).status;
    expect(await complete()).toBe(200);
    platform.middleware.intercept = (_path, { method }) => {
      if (method !== 'DELETE') return undefined;
      known.status = 'revoked';
      platform.middleware.tenantOf.delete(TOKEN_SENDER);
      return new Response(null, { status: 204 });
    };
    expect((await askWith(platform.gateway, ENV.ADMIN_API_KEY, 'DELETE', `${T}/tokens/${TOKEN_ID}`)).status).toBe(204);
    expect(await complete()).toBe(401);
  });
});

describe('the audit', () => {
  const lines = '{"chain":"acme","seq":1}\n{"chain":"acme","seq":2}\n';

  it.each([
    [`${T}/audit?after_seq=3&limit=2`, '/internal/audit/acme?after_seq=3&limit=2'],
    ['/admin/audit', '/internal/audit/*?after_seq=0&limit=500'],
  ])('is read line by line, byte for byte: %s', async (path, target) => {
    const { gateway, middleware } = await createFakePlatform();
    middleware.intercept = () => new Response(lines, { headers: { 'content-type': 'application/x-ndjson' } });
    const response = await askWith(gateway, ENV.ADMIN_API_KEY, 'GET', path);
    expect([response.headers.get('content-type'), await response.text()]).toEqual(['application/x-ndjson', lines]);
    expect(gateway.toMiddleware.at(-1)?.url).toBe(`http://rubot-middleware${target}`);
  });

  it('is whole or an error, and never a shorter page', async () => {
    const { gateway, middleware } = await createFakePlatform();
    middleware.intercept = () => {
      const body = new ReadableStream({
        start: (controller) => controller.enqueue(new TextEncoder().encode(lines)),
        pull: (controller) => controller.error(new TypeError('terminated')),
      });
      return new Response(body);
    };
    expect(await refusalOf(askWith(gateway, ENV.ADMIN_API_KEY, 'GET', `${T}/audit`))).toEqual([502, 'upstream_failed']);
  });
});
