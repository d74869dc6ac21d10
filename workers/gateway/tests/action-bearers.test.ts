import { mintActionBearer } from '@rubot/bearer/action-bearer';
import { hashToken, makeActionHandle, makeApiToken } from '@rubot/bearer/api-token';
import { importBearerKeys } from '@rubot/bearer/keys';
import { describe, expect, it } from 'vitest';
import { CHAT, ENV, RUN, RUN_ID } from './_harness.ts';
import { askWith, createFakePlatform, type FakePlatform, refusalOf, TOKEN_ID, TOKEN_SENDER } from './_middleware.ts';

const ACTION = 'nightly-report';
const SCOPES = ['chat:write', 'run:write', 'admin:tokens'];

interface Redeemed {
  readonly bearer: string;
  readonly expires_in_seconds: number;
}

async function createHolder() {
  const platform = await createFakePlatform({ orchestrator: async () => Response.json(RUN) });
  const { text, known } = await platform.middleware.addToken({ scopes: SCOPES });
  const redeemed: unknown[] = [];
  platform.middleware.intercept = (path, { body }) => {
    if (path !== '/internal/action-handles/redeem') return undefined;
    redeemed.push(JSON.parse(body as string));
    return new Response(null, { status: 204 });
  };
  return { ...platform, text, known, redeemed };
}

function redeem({ gateway }: FakePlatform, credential: string, wish: Record<string, unknown> = {}): Promise<Response> {
  const body = { handle: makeActionHandle(), action_id: ACTION, scopes: ['run:read'], ...wish };
  return askWith(gateway, credential, 'POST', '/v1/action-bearers', { body });
}

async function bearerOf(holder: FakePlatform & { readonly text: string }, wish: Record<string, unknown> = {}): Promise<string> {
  return ((await (await redeem(holder, holder.text, wish)).json()) as Redeemed).bearer;
}

describe('POST /v1/action-bearers', () => {
  it('gives the holder of the token a bearer for its handle, with no more than was asked for', async () => {
    const holder = await createHolder();
    const handle = makeActionHandle();
    const response = await redeem(holder, holder.text, { handle, ttl_seconds: 120 });
    expect([response.status, response.headers.get('cache-control')]).toEqual([200, 'no-store']);
    expect(await response.json()).toEqual({ bearer: expect.stringMatching(/^eyJ/), expires_in_seconds: 120 });
    const handleHash = await hashToken(handle);
    expect(holder.redeemed).toEqual([{ token_id: TOKEN_ID, handle_hash: handleHash, action_id: ACTION, scopes: ['run:read'] }]);
    expect(holder.gateway.toMiddleware.at(-1)?.headers['x-rubot-actor']).toBe(`token:${TOKEN_ID}`);
    expect(JSON.stringify([holder.gateway.lines, holder.gateway.toMiddleware])).not.toContain(handle);
  });

  it.each<[string, Record<string, unknown>, number, string]>([
    ['a handle that is mistyped', { handle: makeActionHandle().slice(0, -1) }, 400, 'invalid_request'],
    ['a token for a handle', { handle: makeApiToken() }, 400, 'invalid_request'],
    ['scopes that the token does not have', { scopes: ['trace:read'] }, 403, 'forbidden'],
    ['no scopes', { scopes: [] }, 400, 'invalid_request'],
    ['an hour', { ttl_seconds: 3_600 }, 400, 'invalid_request'],
    ['a field that is not known', { tenant_id: 'other' }, 400, 'invalid_request'],
  ])('refuses %s, and asks nobody', async (_name, wish, status, code) => {
    const holder = await createHolder();
    expect(await refusalOf(redeem(holder, holder.text, wish))).toEqual([status, code]);
    expect(holder.redeemed).toEqual([]);
  });

  it('reads no body that is longer than the limit', async () => {
    const holder = await createHolder();
    expect(await refusalOf(redeem(holder, holder.text, { padding: 'x'.repeat(1_048_577) }))).toEqual([413, 'payload_too_large']);
    expect(holder.redeemed).toEqual([]);
  });

  it('says what is wrong, and puts on record who asked for more than it has', async () => {
    const holder = await createHolder();
    const mistyped = await redeem(holder, holder.text, { handle: makeActionHandle().slice(0, -1) });
    expect(await mistyped.json()).toMatchObject({ error: { param: 'handle', message: expect.stringContaining('its checksum is wrong') } });
    expect(holder.middleware.audit).toEqual([]);
    const greedy = await redeem(holder, holder.text, { scopes: ['run:read', 'trace:read'] });
    expect(await greedy.json()).toMatchObject({ error: { param: 'scopes', message: expect.stringContaining('Ask for fewer') } });
    const details = { reason: 'missing_scope', scopes: ['run:read', 'trace:read'] };
    expect(holder.middleware.audit).toMatchObject([{ actor: `token:${TOKEN_ID}`, action: 'access.refused', details }]);
  });

  it('passes on that the handle is not the token’s', async () => {
    const holder = await createHolder();
    const error = { message: 'This handle opens nothing.', type: 'permission_error', param: null, code: 'forbidden' };
    holder.middleware.intercept = (path) => (path.endsWith('/redeem') ? Response.json({ error }, { status: 403 }) : undefined);
    expect(await refusalOf(redeem(holder, holder.text))).toEqual([403, 'forbidden']);
  });

  it('is for tokens alone, and not for what was made of one', async () => {
    const holder = await createHolder();
    const bearer = await bearerOf(holder, { scopes: SCOPES });
    const headers = { 'x-chat-source-session-id': 's', 'x-chat-source-sender-id': '+15550100' };
    const asking = askWith(holder.gateway, ENV.GATEWAY_API_KEY, 'POST', '/v1/action-bearers', { body: {}, headers });
    expect(await refusalOf(asking)).toEqual([403, 'forbidden']);
    expect(await refusalOf(redeem(holder, bearer))).toEqual([403, 'forbidden']);
    expect(holder.middleware.audit.map(({ actor, details }) => [actor, details['reason']])).toEqual([
      ['chat_source', 'not_the_token'],
      [`token:${TOKEN_ID}`, 'not_the_token'],
    ]);
  });
});

describe('the bearer of an action', () => {
  it('speaks as the token does, with what its scopes cover and no more', async () => {
    const holder = await createHolder();
    const bearer = await bearerOf(holder);
    expect((await askWith(holder.gateway, bearer, 'GET', `/v1/runs/${RUN_ID}`)).status).toBe(200);
    expect(holder.gateway.toOrchestrator[0]?.headers).toMatchObject({ 'x-tenant-id': 'acme', 'x-chat-source-sender-id': TOKEN_SENDER });
    expect(await refusalOf(askWith(holder.gateway, bearer, 'POST', '/v1/runs', { body: CHAT }))).toEqual([403, 'forbidden']);
  });

  it('has nothing that its token does not have, whatever it says', async () => {
    const holder = await createHolder();
    const keys = await importBearerKeys({ current: ENV.BEARER_SIGNING_SECRET, previous: undefined });
    const subject = { tenantId: 'acme', tokenId: TOKEN_ID, actionId: ACTION, scopes: ['trace:read', 'run:read'] as const };
    const bearer = await mintActionBearer({ keys, subject, ttlSeconds: 300, nowMs: Date.now() });
    expect(await refusalOf(askWith(holder.gateway, bearer, 'GET', `/v1/traces/${'a'.repeat(32)}`))).toEqual([403, 'forbidden']);
    expect((await askWith(holder.gateway, bearer, 'GET', `/v1/runs/${RUN_ID}`)).status).toBe(200);
  });

  it('opens nothing under /admin, whatever it says', async () => {
    const holder = await createHolder();
    const bearer = await bearerOf(holder, { scopes: ['admin:tokens'] });
    expect((await askWith(holder.gateway, holder.text, 'GET', '/admin/tenants/acme/tokens')).status).not.toBe(403);
    expect(await refusalOf(askWith(holder.gateway, bearer, 'GET', '/admin/tenants/acme/tokens'))).toEqual([403, 'forbidden']);
    expect(holder.middleware.audit).toMatchObject([{ actor: `token:${TOKEN_ID}`, details: { reason: 'action_at_admin' } }]);
  });

  it.each(['revoked', 'expired'] as const)('ends with its token: %s', async (status) => {
    const holder = await createHolder();
    const bearer = await bearerOf(holder);
    holder.known.status = status;
    expect(await refusalOf(askWith(holder.gateway, bearer, 'GET', `/v1/runs/${RUN_ID}`))).toEqual([401, 'invalid_api_key']);
  });

  it.each<[string, { tenantId?: string; secret?: string; ago?: number }]>([
    ['of another tenant', { tenantId: 'other' }],
    ['of another secret', { secret: ENV.ADMIN_API_KEY }],
    ['that has expired', { ago: 400_000 }],
  ])('is not one %s', async (_name, { tenantId = 'acme', secret = ENV.BEARER_SIGNING_SECRET, ago = 0 }) => {
    const holder = await createHolder();
    const keys = await importBearerKeys({ current: secret, previous: undefined });
    const subject = { tenantId, tokenId: TOKEN_ID, actionId: ACTION, scopes: ['run:read'] as const };
    const bearer = await mintActionBearer({ keys, subject, ttlSeconds: 300, nowMs: Date.now() - ago });
    expect(await refusalOf(askWith(holder.gateway, bearer, 'GET', `/v1/runs/${RUN_ID}`))).toEqual([401, 'invalid_api_key']);
    expect(holder.gateway.toOrchestrator).toEqual([]);
  });
});
