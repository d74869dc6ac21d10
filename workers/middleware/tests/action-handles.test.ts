import { isActionHandle, makeActionHandle } from '@rubot/bearer/api-token';
import { IssuedActionHandle } from '@rubot/contracts/api-tokens';
import type { ClientScope } from '@rubot/contracts/scopes';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readEntries, verify } from './_audit.ts';
import { errorOf, type MiddlewareHarness, startMiddleware } from './_harness.ts';
import { tokensOf } from './_tokens.ts';

let middleware: MiddlewareHarness;
let tokens: ReturnType<typeof tokensOf>;

beforeAll(async () => {
  middleware = await startMiddleware();
  tokens = tokensOf(middleware);
});
afterAll(() => middleware.stop());

interface Held {
  readonly tenantId: string;
  readonly tokenId: string;
  readonly token: string;
  readonly handle: string;
}

/** A token with one handle, made for the action `deploy`. */
async function newHandle(scopes: readonly ClientScope[] = ['run:write', 'chat:write']): Promise<Held> {
  const { tenantId } = await middleware.newTenant();
  const issued = await tokens.issue(tenantId, { scopes, action_id: 'deploy' });
  return { tenantId, tokenId: issued.token_id, token: issued.token, handle: issued.action_handle ?? '' };
}

async function issueHandle({ tenantId, tokenId }: Held, input: object) {
  const response = await tokens.issueHandle(tenantId, tokenId, input);
  expect(response.status).toBe(201);
  return IssuedActionHandle.parse(await response.json());
}

async function expectRefusal(response: Response, { tenantId, tokenId }: Held, reason: string): Promise<void> {
  expect(await errorOf(response)).toMatchObject({ status: 403, code: 'forbidden', message: expect.stringContaining('or no longer does') });
  expect((await readEntries(middleware, tenantId)).at(-1)).toMatchObject({
    actor: `token:${tokenId}`,
    action: 'handle.redeemed',
    outcome: 'refused',
    details: { reason },
  });
}

describe('issuing a handle', () => {
  it('tells it once, for the action and the scopes that were named', async () => {
    const held = await newHandle();
    const issued = await issueHandle(held, { action_id: 'report.weekly', scopes: ['run:read'], ttl_seconds: 120 });
    expect(isActionHandle(issued.action_handle)).toBe(true);
    expect(issued).toMatchObject({ action_id: 'report.weekly', token_id: held.tokenId, scopes: ['run:read'] });
    expect(Date.parse(issued.expires_at) - Date.now()).toBeLessThanOrEqual(120_000);
    expect((await readEntries(middleware, held.tenantId)).at(-1)).toMatchObject({
      action: 'handle.issued',
      target: `${held.tokenId}/report.weekly`,
      outcome: 'done',
      details: { scopes: ['run:read'], expires_at: issued.expires_at },
    });
  });

  it('gives it no longer life than its token has', async () => {
    const held = await newHandle();
    const listed = await middleware.internal('GET', `tenants/${held.tenantId}/tokens`);
    const { data } = (await listed.json()) as { data: { expires_at: string }[] };
    for (const ttl of [{}, { ttl_seconds: 86_400 }]) {
      expect(await issueHandle(held, { action_id: 'deploy', scopes: ['run:read'], ...ttl })).toMatchObject({
        expires_at: data[0]?.expires_at,
      });
    }
  });

  it('gives it no scope that its token lacks', async () => {
    const held = await newHandle(['run:write']);
    for (const scope of ['chat:write', 'admin:*'] as const) {
      const response = await tokens.issueHandle(held.tenantId, held.tokenId, {
        action_id: scope.replace(/\W/g, '-'),
        scopes: ['run:read', scope],
      });
      expect(await errorOf(response)).toMatchObject({ status: 403, code: 'forbidden', param: 'scopes' });
      const last = (await readEntries(middleware, held.tenantId)).at(-1);
      expect(last).toMatchObject({ action: 'handle.issued', outcome: 'refused', details: { reason: 'scopes_exceed_token' } });
    }
  });

  it('needs a token that is alive, and of the tenant', async () => {
    const [revoked, expired, other] = [await newHandle(), await newHandle(), await newHandle()];
    const input = { action_id: 'deploy', scopes: ['run:read'] };
    await tokens.revoke(revoked.tenantId, revoked.tokenId);
    await tokens.expire(expired.tokenId);
    for (const { tenantId, tokenId } of [revoked, expired]) {
      expect(await errorOf(await tokens.issueHandle(tenantId, tokenId, input))).toMatchObject({
        status: 409,
        code: 'conflict',
        param: 'token_id',
      });
    }
    expect(await errorOf(await tokens.issueHandle(other.tenantId, revoked.tokenId, input))).toMatchObject({
      status: 404,
      code: 'not_found',
    });
  });

  it('removes those of the token that have expired', async () => {
    const held = await newHandle();
    const database = await middleware.database();
    await database.prepare("update action_handles set expires_at = '2026-01-01T00:00:00.000Z' where token_id = ?").bind(held.tokenId).run();
    await issueHandle(held, { action_id: 'deploy', scopes: ['run:read'] });
    const left = await database.prepare('select count(*) as count from action_handles where token_id = ?').bind(held.tokenId).first();
    expect(left).toEqual({ count: 1 });
  });

  it.each([
    ['action_id', { action_id: 'Deploy!', scopes: ['run:read'] }],
    ['scopes', { action_id: 'deploy', scopes: [] }],
    ['ttl_seconds', { action_id: 'deploy', scopes: ['run:read'], ttl_seconds: 59 }],
  ])('refuses a wrong %s', async (param, input) => {
    const { tenantId, tokenId } = await newHandle();
    expect(await errorOf(await tokens.issueHandle(tenantId, tokenId, input))).toMatchObject({ status: 400, param });
  });
});

describe('redeeming a handle', () => {
  it('is open to the holder of its token, for its action, as often as it lives, and each time is told of', async () => {
    const held = await newHandle();
    for (const scopes of [['run:write'], ['run:read'], ['chat:write', 'run:write']] as const) {
      expect((await tokens.redeem(held.tokenId, held.handle, 'deploy', scopes)).status).toBe(204);
    }
    const told = (await readEntries(middleware, held.tenantId)).filter(({ action }) => action === 'handle.redeemed');
    expect(told.map(({ actor, target, outcome, details }) => [actor, target, outcome, details['scopes']])).toEqual(
      [['run:write'], ['run:read'], ['chat:write', 'run:write']].map((scopes) => [
        `token:${held.tokenId}`,
        `${held.tokenId}/deploy`,
        'done',
        scopes,
      ]),
    );
    expect(await verify(middleware, held.tenantId)).toMatchObject({ findings: [] });
  });

  it('is refused for a handle that was never made', async () => {
    const held = await newHandle();
    await expectRefusal(await tokens.redeem(held.tokenId, makeActionHandle(), 'deploy', ['run:read']), held, 'handle_unknown');
  });

  it('is refused to the holder of another token, be it of the same tenant', async () => {
    const held = await newHandle();
    const neighbour = await tokens.issue(held.tenantId, { scopes: ['admin:*'] });
    const thief = { ...held, tokenId: neighbour.token_id };
    await expectRefusal(await tokens.redeem(thief.tokenId, held.handle, 'deploy', ['run:read']), thief, 'handle_of_another_token');
    const stranger = await newHandle();
    await expectRefusal(await tokens.redeem(stranger.tokenId, held.handle, 'deploy', ['run:read']), stranger, 'handle_of_another_token');
  });

  it('is refused for another action', async () => {
    const held = await newHandle();
    await expectRefusal(await tokens.redeem(held.tokenId, held.handle, 'delete', ['run:read']), held, 'handle_of_another_action');
  });

  it('is refused for more than the handle has, whatever the token has', async () => {
    const held = await newHandle(['admin:*']);
    const { action_handle: narrow } = await issueHandle(held, { action_id: 'read', scopes: ['run:read'] });
    await expectRefusal(await tokens.redeem(held.tokenId, narrow, 'read', ['run:write']), held, 'scopes_exceed_handle');
    await expectRefusal(await tokens.redeem(held.tokenId, narrow, 'read', ['admin:*']), held, 'scopes_exceed_handle');
  });

  it('is refused for more than the token has now, whatever the handle was made with', async () => {
    const held = await newHandle(['run:write', 'chat:write']);
    const database = await middleware.database();
    await database.prepare(`update api_tokens set scopes = '["run:read"]' where token_id = ?`).bind(held.tokenId).run();
    await expectRefusal(await tokens.redeem(held.tokenId, held.handle, 'deploy', ['chat:write']), held, 'scopes_exceed_token');
  });

  it('is refused once the handle has expired', async () => {
    const held = await newHandle();
    const database = await middleware.database();
    const past = new Date(Date.now() - 1_000).toISOString();
    await database.prepare('update action_handles set expires_at = ? where token_id = ?').bind(past, held.tokenId).run();
    await expectRefusal(await tokens.redeem(held.tokenId, held.handle, 'deploy', ['run:read']), held, 'handle_expired');
  });

  it('is refused once the token was revoked, or has expired', async () => {
    const [revoked, expired] = [await newHandle(), await newHandle()];
    await tokens.revoke(revoked.tenantId, revoked.tokenId);
    await tokens.expire(expired.tokenId);
    for (const held of [revoked, expired]) {
      await expectRefusal(await tokens.redeem(held.tokenId, held.handle, 'deploy', ['run:read']), held, 'token_ended');
    }
  });

  it('is refused for a token that there is not, on the chain of the platform', async () => {
    const held = await newHandle();
    const nobody = `tok_${'0'.repeat(24)}`;
    expect((await tokens.redeem(nobody, held.handle, 'deploy', ['run:read'])).status).toBe(403);
    expect((await readEntries(middleware, '*')).at(-1)).toMatchObject({ action: 'handle.redeemed', details: { reason: 'token_ended' } });
  });

  it('says the same whatever the reason is', async () => {
    const held = await newHandle();
    const answers = [
      await tokens.redeem(held.tokenId, makeActionHandle(), 'deploy', ['run:read']),
      await tokens.redeem(held.tokenId, held.handle, 'delete', ['run:read']),
      await tokens.redeem(held.tokenId, held.handle, 'deploy', ['admin:*']),
    ];
    expect(new Set(await Promise.all(answers.map(async (answer) => (await errorOf(answer)).message))).size).toBe(1);
  });

  it('while the token is being revoked: what was done came before the revocation, and nothing after it', async () => {
    for (let round = 0; round < 5; round += 1) {
      const held = await newHandle();
      const redeemed = Promise.all(Array.from({ length: 6 }, () => tokens.redeem(held.tokenId, held.handle, 'deploy', ['run:read'])));
      const revoked = await tokens.revoke(held.tenantId, held.tokenId);
      const statuses = (await redeemed).map(({ status }) => status);
      expect([revoked.status, ...statuses.filter((status) => status !== 204 && status !== 403)]).toEqual([204]);
      const entries = await readEntries(middleware, held.tenantId);
      const end = entries.findIndex(({ action }) => action === 'token.revoked');
      const done = entries.flatMap(({ action, outcome }, index) => (action === 'handle.redeemed' && outcome === 'done' ? [index] : []));
      expect(done).toHaveLength(statuses.filter((status) => status === 204).length);
      for (const index of done) expect(index).toBeLessThan(end);
    }
  });
});
