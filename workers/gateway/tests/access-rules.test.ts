import { CLIENT_SCOPES, type ClientScope, coversScope } from '@rubot/contracts/scopes';
import { describe, expect, it } from 'vitest';
import { createGatewayApp } from '../src/app.ts';
import { buildDeps } from '../src/deps.ts';
import { CHAT, ENV, IDENTITY, RUN_ID } from './_harness.ts';
import { askWith, createFakePlatform, TOKEN_ID } from './_middleware.ts';

/** Written down by hand, and not read from the routes: so that a rule that is loosened is a change here as well. */
const RULES: Readonly<Record<string, string>> = {
  'POST /v1/chat/completions': 'chat:write',
  'GET /v1/models': 'any client',
  'GET /v1/models/:model{.+}': 'any client',
  'POST /v1/runs': 'run:write',
  'GET /v1/runs': 'run:read',
  'GET /v1/runs/:runId': 'run:read',
  'GET /v1/runs/:runId/events': 'run:read',
  'POST /v1/runs/:runId/cancel': 'run:write',
  'POST /v1/runs/:runId/approvals/:toolCallId': 'approval:submit',
  'GET /v1/traces/:traceId': 'trace:read',
  'POST /v1/action-bearers': 'token',
  'POST /v1/link': 'chat source',
  'GET /admin/tenants': 'operator',
  'POST /admin/tenants': 'operator',
  'GET /admin/tenants/:tenant': 'admin:access of the tenant',
  'PUT /admin/tenants/:tenant/access': 'admin:access of the tenant',
  'GET /admin/tenants/:tenant/tokens': 'admin:tokens of the tenant',
  'POST /admin/tenants/:tenant/tokens': 'admin:tokens of the tenant',
  'DELETE /admin/tenants/:tenant/tokens/:tokenId': 'admin:tokens of the tenant',
  'POST /admin/tenants/:tenant/tokens/:tokenId/action-handles': 'admin:tokens of the tenant',
  'POST /admin/tenants/:tenant/link-pins': 'admin:senders of the tenant',
  'GET /admin/identity-bindings': 'admin:senders',
  'POST /admin/identity-bindings': 'admin:senders',
  'DELETE /admin/identity-bindings/:senderId': 'admin:senders',
  'GET /admin/tenants/:tenant/connections': 'admin:connections of the tenant',
  'GET /admin/tenants/:tenant/connections/:provider': 'admin:connections of the tenant',
  'PUT /admin/tenants/:tenant/connections/:provider': 'admin:connections of the tenant',
  'DELETE /admin/tenants/:tenant/connections/:provider': 'admin:connections of the tenant',
  'POST /admin/tenants/:tenant/connections/:provider/refresh': 'admin:connections of the tenant',
  'POST /admin/credentials/reencrypt': 'operator',
  'GET /admin/tenants/:tenant/audit': 'admin:audit of the tenant',
  'GET /admin/tenants/:tenant/audit/head': 'admin:audit of the tenant',
  'GET /admin/audit': 'operator',
  'GET /admin/audit/head': 'operator',
  'GET /admin/diagnosis': 'operator',
  'GET /admin/dead-letters': 'operator',
  'POST /admin/dead-letters/redrive': 'operator',
};

/** Of what stands open, or behind the key of the orchestrator. */
const WITHOUT_RULE = ['GET /', 'GET /healthz', 'GET /readyz', 'POST /challenge', 'POST /internal/bearers'];

const ROUTES = Object.entries(RULES).map(([route, access]) => {
  const [method = '', path = ''] = route.split(' ');
  return {
    method,
    access,
    path: path.replace('{.+}', '').replace(':tenant', 'acme').replace(':runId', RUN_ID).replace(':toolCallId', 'call_1'),
  };
});

/** How a token is refused where no scope opens the door: what the record says, and the key that the caller is told of. */
const DENIALS: Readonly<Record<string, readonly [details: { readonly reason: string }, hint: string]>> = {
  'chat source': [{ reason: 'not_the_chat_source' }, 'GATEWAY_API_KEY'],
  operator: [{ reason: 'not_the_operator' }, 'ADMIN_API_KEY'],
};

/** What a request meets first behind the rule: anything but a refusal of who asks. */
async function isLetThrough(response: Response): Promise<boolean> {
  return response.status !== 401 && response.status !== 403;
}

describe('the route table', () => {
  it('has a rule for every route under /v1 and /admin, and one only', async () => {
    const app = createGatewayApp(await buildDeps({ ...ENV, MIDDLEWARE: { fetch: async () => new Response() } }));
    const found = new Map<string, string[]>();
    for (const { method, path, handler } of app.routes) {
      if (method === 'ALL') continue;
      const rules = found.get(`${method} ${path}`) ?? [];
      found.set(`${method} ${path}`, rules);
      if ('access' in handler) rules.push(String(handler.access));
    }
    const expected = [...Object.entries(RULES).map(([route, rule]) => [route, [rule]]), ...WITHOUT_RULE.map((route) => [route, []])];
    expect(Object.fromEntries(found)).toEqual(Object.fromEntries(expected));
  });
});

describe('a token', () => {
  it.each(CLIENT_SCOPES)('with %s alone is let through where that covers what is needed, and nowhere else', async (held) => {
    const { gateway, middleware } = await createFakePlatform();
    const { text } = await middleware.addToken({ scopes: [held] });
    for (const { method, path, access } of ROUTES) {
      const needed = access.replace(' of the tenant', '');
      const isScope = (CLIENT_SCOPES as readonly string[]).includes(needed);
      const isAllowed = isScope ? coversScope([held], needed as ClientScope) : needed === 'any client' || needed === 'token';
      const body = method === 'GET' ? {} : { body: CHAT };
      middleware.audit.length = 0;
      const response = await askWith(gateway, text, method, path, body);
      expect([method, path, await isLetThrough(response)]).toEqual([method, path, isAllowed]);
      if (isAllowed) continue;
      const [details, hint] = DENIALS[needed] ?? [{ reason: 'missing_scope', scope: needed }, needed];
      expect(((await response.json()) as { error: { message: string } }).error.message).toContain(hint);
      expect(middleware.audit).toEqual([
        { actor: `token:${TOKEN_ID}`, chain: 'acme', action: 'access.refused', target: `${method} ${path}`, outcome: 'refused', details },
      ]);
    }
  });

  it('with a scope that nobody knows opens nothing by it', async () => {
    const { gateway, middleware } = await createFakePlatform();
    const { text } = await middleware.addToken({ scopes: ['chat:everything', 'constructor'] });
    expect((await askWith(gateway, text, 'POST', '/v1/chat/completions', { body: CHAT })).status).toBe(403);
  });

  it('with every scope opens nothing of another tenant', async () => {
    const { gateway, middleware } = await createFakePlatform();
    const { text } = await middleware.addToken({ scopes: ['admin:*'] });
    for (const { method, path, access } of ROUTES) {
      if (!access.endsWith('of the tenant')) continue;
      for (const tenant of ['other', 'ACME', 'acme%2F..%2Fother', '*', '%20acme']) {
        const target = path.replace('/acme', `/${tenant}`);
        const response = await askWith(gateway, text, method, target, method === 'GET' ? {} : { body: {} });
        expect([target, response.status]).toEqual([target, 403]);
      }
    }
    expect(new Set(middleware.audit.map(({ chain, details }) => `${chain} ${details['reason']}`))).toEqual(new Set(['acme other_tenant']));
    expect(gateway.toMiddleware.every(({ url }) => /\/internal\/(?:tokens\/resolve|audit)$/.test(url))).toBe(true);
  });
});

describe('the other credentials', () => {
  it.each([
    ['GATEWAY_API_KEY', ENV.GATEWAY_API_KEY, (path: string, access: string) => path.startsWith('/v1/') && access !== 'token'],
    ['ADMIN_API_KEY', ENV.ADMIN_API_KEY, (path: string) => path.startsWith('/admin/')],
    ['MIDDLEWARE_API_KEY', ENV.MIDDLEWARE_API_KEY, () => false],
    ['no key', '', () => false],
  ] as const)('%s opens its own door', async (_name, credential, isAllowed) => {
    const { gateway } = await createFakePlatform();
    for (const { method, path, access } of ROUTES) {
      const body = method === 'GET' ? {} : { body: CHAT };
      const response = await askWith(gateway, credential, method, path, { ...body, headers: IDENTITY });
      expect([method, path, await isLetThrough(response)]).toEqual([method, path, isAllowed(path, access)]);
    }
  });
});
