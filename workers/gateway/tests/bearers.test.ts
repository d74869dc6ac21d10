import { mintGrant } from '@rubot/bearer/grant';
import { importBearerKeys } from '@rubot/bearer/keys';
import { mintBearer } from '@rubot/bearer/mint';
import { verifyBearer } from '@rubot/bearer/verify';
import type { FetchLike } from '@rubot/http/upstream';
import { describe, expect, it } from 'vitest';
import { CHAT, createHarness, ENV, type GatewayHarness, RUN_ID, unlinked } from './_harness.ts';
import { askWith, createFakePlatform, TOKEN_ID, TOKEN_SENDER } from './_middleware.ts';

const SUBJECT = { tenantId: 'acme', sessionId: 'session-1', senderId: '+15550100', runId: RUN_ID };
const FORMER_SECRET = 'bs-old-l2Df9Gk4Mw6Sc1Vt8Nz5Qb3Rh0Jy';

interface GrantOptions {
  readonly secret?: string;
  readonly nowMs?: number;
}

async function grantOf({ secret = ENV.BEARER_SIGNING_SECRET, nowMs = Date.now() }: GrantOptions = {}): Promise<string> {
  return mintGrant({ keys: await importBearerKeys({ current: secret, previous: undefined }), subject: SUBJECT, nowMs });
}

/** With the hop key and nothing else: whoever renews speaks for no sender. */
function renew({ request }: GatewayHarness, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  const hop = { authorization: `Bearer ${ENV.GATEWAY_API_KEY}`, 'content-type': 'application/json' };
  return request('/internal/bearers', { method: 'POST', headers: { ...hop, ...headers }, body: JSON.stringify(body) });
}

async function refusalOf(answer: Promise<Response>): Promise<unknown> {
  const response = await answer;
  const { error } = (await response.json()) as { error: { code: string } };
  return [response.status, error.code, response.headers.get('x-should-retry')];
}

describe('POST /internal/bearers', () => {
  it('gives a data bearer for the run of the grant, and says how long it lasts', async () => {
    const gateway = await createHarness({ env: { BEARER_TTL_SECONDS: '240' } });
    const response = await renew(gateway, { grant: await grantOf() });
    expect([response.status, response.headers.get('cache-control')]).toEqual([200, 'no-store']);
    const { bearer, expires_in_seconds } = (await response.json()) as { bearer: string; expires_in_seconds: number };
    const keys = await importBearerKeys({ current: ENV.BEARER_SIGNING_SECRET, previous: undefined });
    const claims = await verifyBearer({ keys, bearer, nowMs: Date.now() });
    expect(claims).toMatchObject({ tenant: 'acme', session: 'session-1', sender: '+15550100', run: RUN_ID });
    expect([expires_in_seconds, claims.exp - claims.iat]).toEqual([240, 240]);
    expect(JSON.parse(gateway.toMiddleware[0]?.body as string)).toEqual({ session_id: 'session-1', sender_id: '+15550100' });
  });

  it('asks who the sender is now, also where a moment ago is remembered, and corrects the memory', async () => {
    let isLinked = true;
    const middleware: FetchLike = async () =>
      Response.json(isLinked ? { status: 'linked', tenant_id: 'acme', allowed_agents: null } : { status: 'unlinked' });
    const gateway = await createHarness({ middleware });
    const asks = async () => {
      await gateway.complete(CHAT);
      return gateway.toOrchestrator.length;
    };
    expect(await asks()).toBe(1);
    isLinked = false;
    expect(await asks()).toBe(2);
    expect(await refusalOf(renew(gateway, { grant: await grantOf() }))).toEqual([403, 'forbidden', 'false']);
    expect(await asks()).toBe(2);
  });

  it.each<[string, FetchLike]>([
    ['is bound to nobody', unlinked],
    ['is bound to another tenant', async () => Response.json({ status: 'linked', tenant_id: 'other', allowed_agents: null })],
    [
      'does not own the session any more',
      async () => Response.json({ error: { message: 'm', type: 'permission_error', param: null, code: 'forbidden' } }, { status: 403 }),
    ],
  ])('refuses when the sender %s', async (_name, middleware) => {
    const gateway = await createHarness({ middleware });
    expect(await refusalOf(renew(gateway, { grant: await grantOf() }))).toEqual([403, 'forbidden', 'false']);
  });

  it('gives one in the name of the token that the run was begun with, for as long as the token lives', async () => {
    const { gateway, middleware } = await createFakePlatform();
    const { text, known } = await middleware.addToken();
    const keys = await importBearerKeys({ current: ENV.BEARER_SIGNING_SECRET, previous: undefined });
    const subject = { ...SUBJECT, senderId: TOKEN_SENDER, tokenId: TOKEN_ID };
    const grant = await mintGrant({ keys, subject, nowMs: Date.now() });
    const { bearer } = (await (await renew(gateway, { grant })).json()) as { bearer: string };
    expect(await verifyBearer({ keys, bearer, nowMs: Date.now() })).toMatchObject({ token: TOKEN_ID, sender: TOKEN_SENDER });
    // Sessions of a token are looked up in its tenant alone.
    const asked = gateway.toMiddleware.map(({ body }) => JSON.parse(body as string));
    expect(asked).toContainEqual({ session_id: 'session-1', sender_id: TOKEN_SENDER, tenant_id: 'acme' });
    const others = await middleware.addToken({ token_id: `tok_${'1b'.repeat(12)}`, tenant_id: 'other' });
    const mixed = await mintGrant({ keys, subject: { ...subject, tokenId: others.known.token_id }, nowMs: Date.now() });
    expect(await refusalOf(renew(gateway, { grant: mixed }))).toEqual([403, 'forbidden', 'false']);
    // Remembered for a moment as one that opens something.
    await askWith(gateway, text, 'POST', '/v1/chat/completions', { body: CHAT });
    for (const status of ['revoked', 'expired'] as const) {
      known.status = status;
      expect(await refusalOf(renew(gateway, { grant }))).toEqual([403, 'forbidden', 'false']);
    }
  });

  it.each<[string, () => Promise<unknown>, number]>([
    ['that has expired', () => grantOf({ nowMs: Date.now() - 31 * 86_400_000 }), 403],
    ['of other keys', () => grantOf({ secret: FORMER_SECRET }), 403],
    [
      'that is a data bearer',
      async () => {
        const keys = await importBearerKeys({ current: ENV.BEARER_SIGNING_SECRET, previous: undefined });
        return mintBearer({ keys, subject: { ...SUBJECT, scope: ['tools:read'] }, ttlSeconds: 300, nowMs: Date.now() });
      },
      403,
    ],
    ['that is no token', async () => 'x', 403],
    ['that is empty', async () => '', 400],
    ['that is no text', async () => 7, 400],
    ['that is missing', async () => undefined, 400],
    ['that is longer than any', async () => 'x'.repeat(5_000), 400],
  ])('refuses a grant %s, and asks nobody', async (_name, make, status) => {
    const gateway = await createHarness();
    expect((await renew(gateway, { grant: await make() })).status).toBe(status);
    expect(gateway.toMiddleware).toEqual([]);
  });

  it('accepts a grant of the former secret while it is rotated', async () => {
    const gateway = await createHarness({ env: { BEARER_SIGNING_SECRET_PREVIOUS: FORMER_SECRET } });
    expect((await renew(gateway, { grant: await grantOf({ secret: FORMER_SECRET }) })).status).toBe(200);
  });

  it.each([
    ['no key', { authorization: '' }],
    ['a wrong key', { authorization: `Bearer ${ENV.GATEWAY_API_KEY}x` }],
    ['the key of another door', { authorization: `Bearer ${ENV.ADMIN_API_KEY}` }],
  ])('is closed to %s', async (_name, headers) => {
    const gateway = await createHarness();
    expect(await refusalOf(renew(gateway, { grant: await grantOf() }, headers))).toEqual([401, 'invalid_api_key', 'false']);
    expect(gateway.toMiddleware).toEqual([]);
  });

  it('reads no body that is longer than a grant', async () => {
    const gateway = await createHarness();
    expect((await renew(gateway, { grant: 'x'.repeat(9_000) })).status).toBe(413);
  });

  it('may be asked again when the middleware is not there, and takes no longer than it is granted', async () => {
    const gone = await createHarness({ middleware: async () => Promise.reject(new TypeError('connect ECONNREFUSED')) });
    expect(await refusalOf(renew(gone, { grant: await grantOf() }))).toEqual([503, 'unavailable', 'true']);
    const hangs = await createHarness({
      middleware: (_url, { signal }) => new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    });
    const granted = { 'x-rubot-timeout-ms': '20' };
    expect(await refusalOf(renew(hangs, { grant: await grantOf() }, granted))).toEqual([504, 'deadline_exceeded', 'false']);
  });

  it('keeps grant and bearer out of the log, and says for whom it was asked', async () => {
    const gateway = await createHarness();
    await renew(gateway, { grant: await grantOf() });
    await renew(gateway, { grant: await grantOf({ secret: FORMER_SECRET }) });
    await renew(gateway, { grant: `${await grantOf()}x` });
    expect(JSON.stringify(gateway.lines)).not.toMatch(/eyJ|redacted/);
    const completed = gateway.lines.filter((line) => line.event_type === 'request.completed');
    expect(completed).toHaveLength(3);
    expect(completed[0]).toMatchObject({ tenant_id: 'acme', sender_id: '+15550100', run_id: RUN_ID });
    expect(completed[1]).toMatchObject({ error: { code: 'forbidden', detail: 'unknown key id' } });
  });
});
