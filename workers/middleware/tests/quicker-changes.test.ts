import { hashToken, makeActionHandle, makeApiToken, makeTokenId } from '@rubot/bearer/api-token';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createActionHandleStore } from '../src/store/action-handles.ts';
import { type ApiTokenRow, createApiTokenStore } from '../src/store/api-tokens.ts';
import { isBrokenPrecondition } from '../src/store/audit/require-that.ts';
import { createAuditTrail } from '../src/store/audit/trail.ts';
import { openDatabase } from '../src/store/database.ts';
import { createTenantStore } from '../src/store/tenants.ts';
import { issueActionHandle } from '../src/use-cases/action-handle/issue.ts';
import { redeemActionHandle } from '../src/use-cases/action-handle/redeem.ts';
import { revokeApiToken } from '../src/use-cases/api-token/revoke.ts';
import { readEntries, startAuditing, verify } from './_audit.ts';
import { type MiddlewareHarness, startMiddleware } from './_harness.ts';
import { tokensOf } from './_tokens.ts';

let middleware: MiddlewareHarness;
let tokens: ReturnType<typeof tokensOf>;

beforeAll(async () => {
  middleware = await startMiddleware();
  tokens = tokensOf(middleware);
});
afterAll(() => middleware.stop());

/** The stores on the D1 of the running Worker, so that a test stands between what is looked at and what is written. */
async function openStores() {
  const database = openDatabase(await middleware.database());
  return {
    apiTokens: createApiTokenStore(database),
    actionHandles: createActionHandleStore(database),
    tenants: createTenantStore(database),
    audit: createAuditTrail(database),
    auditing: await startAuditing('operator'),
  };
}

async function newToken(): Promise<ApiTokenRow> {
  const { tenantId } = await middleware.newTenant();
  const { token_id: tokenId } = await tokens.issue(tenantId, { scopes: ['admin:*'], action_id: 'deploy' });
  const token = await (await openStores()).apiTokens.find(tenantId, tokenId);
  return token!;
}

async function expectNothingDone(tenantId: string, change: () => Promise<unknown>): Promise<void> {
  const before = await readEntries(middleware, tenantId);
  const failure = await change().then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(isBrokenPrecondition(failure)).toBe(true);
  expect(await readEntries(middleware, tenantId)).toEqual(before);
  expect(await verify(middleware, tenantId)).toMatchObject({ findings: [] });
}

async function newHandleOf(token: ApiTokenRow) {
  const { tokenId, createdAt, expiresAt } = token;
  return { hash: await hashToken(makeActionHandle()), tokenId, actionId: 'deploy', scopes: ['run:read'] as const, createdAt, expiresAt };
}

describe('when the token was revoked after it was looked at', () => {
  it('revoking it is not done again', async () => {
    const [token, { apiTokens, auditing }] = [await newToken(), await openStores()];
    await apiTokens.revoke(auditing, token);
    await expectNothingDone(token.tenantId, () => apiTokens.revoke(auditing, token));
  });

  it('it issues nothing: no token, and no sender', async () => {
    const [issuer, { apiTokens, auditing }] = [await newToken(), await openStores()];
    const secret = makeApiToken();
    const token = { ...issuer, tokenId: makeTokenId(), hash: await hashToken(secret) };
    await apiTokens.revoke(auditing, issuer);
    await expectNothingDone(issuer.tenantId, () => apiTokens.issue(auditing, { token, issuerId: issuer.tokenId, handle: undefined }));
    expect(await tokens.resolve({ token: secret })).toEqual({ status: 'unknown' });
    const database = await middleware.database();
    const bound = await database.prepare('select * from identity_bindings where sender_id = ?').bind(`token:${token.tokenId}`).all();
    expect(bound.results).toEqual([]);
  });

  it('it gets no handle', async () => {
    const [token, { apiTokens, actionHandles, auditing }] = [await newToken(), await openStores()];
    const handle = await newHandleOf(token);
    await apiTokens.revoke(auditing, token);
    await expectNothingDone(token.tenantId, () => actionHandles.issue(auditing, { tenantId: token.tenantId, handle }));
    expect((await actionHandles.find({ tokenId: token.tokenId, hash: handle.hash })).handle).toBeUndefined();
  });

  it('no handle of it is redeemed', async () => {
    const [token, { apiTokens, actionHandles, auditing }] = [await newToken(), await openStores()];
    const handle = await newHandleOf(token);
    await actionHandles.issue(auditing, { tenantId: token.tenantId, handle });
    const record = { chain: token.tenantId, action: 'handle.redeemed', target: 'x' };
    await actionHandles.redeem(auditing, record, handle);
    await apiTokens.revoke(auditing, token);
    await expectNothingDone(token.tenantId, () => actionHandles.redeem(auditing, record, handle));
  });
});

describe('whoever acts on a token that another revokes meanwhile', () => {
  /** As it was looked at, and is no more. */
  async function newRevokedToken() {
    const [token, stores] = [await newToken(), await openStores()];
    const handle = await newHandleOf(token);
    await stores.actionHandles.issue(stores.auditing, { tenantId: token.tenantId, handle });
    await stores.apiTokens.revoke(stores.auditing, token);
    return { token, handle, stores, apiTokens: { ...stores.apiTokens, find: async () => token } };
  }

  it('and would revoke it too, hears that it was not he who did', async () => {
    const { token, stores, apiTokens } = await newRevokedToken();
    expect(await revokeApiToken({ ...stores, apiTokens }, stores.auditing, token)).toBe(false);
    expect(await revokeApiToken(stores, stores.auditing, token)).toBe(false);
  });

  it('and would have a handle, hears that it has ended', async () => {
    const { token, stores, apiTokens } = await newRevokedToken();
    const asked = { tenantId: token.tenantId, tokenId: token.tokenId, asked: { action_id: 'deploy', scopes: ['run:read' as const] } };
    const issuing = issueActionHandle({ ...stores, apiTokens }, stores.auditing, asked);
    await expect(issuing).rejects.toMatchObject({ code: 'conflict', param: 'token_id' });
  });

  it('and would redeem its handle, is refused it, with the reason on record', async () => {
    const { token, handle, stores } = await newRevokedToken();
    const found = (await stores.actionHandles.find({ tokenId: token.tokenId, hash: handle.hash })).handle;
    const actionHandles = { ...stores.actionHandles, find: async () => ({ handle: found, token }) };
    const asked = { token_id: token.tokenId, handle_hash: handle.hash, action_id: 'deploy', scopes: ['run:read' as const] };
    const redeeming = redeemActionHandle({ ...stores, actionHandles }, stores.auditing, asked);
    await expect(redeeming).rejects.toMatchObject({ code: 'forbidden', operatorDetail: 'token_ended' });
    expect((await readEntries(middleware, token.tenantId)).at(-1)).toMatchObject({
      outcome: 'refused',
      details: { reason: 'token_ended' },
    });
  });
});

describe('when the handle was removed after it was looked at', () => {
  it('it is not redeemed', async () => {
    const [token, { actionHandles, auditing }] = [await newToken(), await openStores()];
    const record = { chain: token.tenantId, action: 'handle.redeemed', target: 'x' };
    await expectNothingDone(token.tenantId, async () => actionHandles.redeem(auditing, record, await newHandleOf(token)));
  });
});

describe('when the tenant was changed after it was looked at', () => {
  it.each<[string, string]>([
    ['its name', "update tenants set name = 'Another' where tenant_id = ?"],
    ['its limits', `update tenants set limits = '{"usd_per_day":1}' where tenant_id = ?`],
    ['an agent', "insert into tenant_agents values (?, 'tables', 1)"],
    ['a tool', "insert into tenant_tools values (?, 'tables_list', 1, null)"],
  ])('in %s, nothing is written over it', async (_name, statement) => {
    const [{ tenantId }, { tenants, auditing }] = [await middleware.newTenant(), await openStores()];
    const before = await tenants.find(tenantId);
    await (await middleware.database()).prepare(statement).bind(tenantId).run();
    const record = { chain: tenantId, action: 'tenant.saved', target: tenantId };
    await expectNothingDone(tenantId, () => tenants.save(auditing, { before, after: { ...before!.tenant, name: 'Mine' }, record }));
  });

  it('or made, it is not made again', async () => {
    const [{ tenantId }, { tenants, auditing }] = [await middleware.newTenant(), await openStores()];
    const { tenant } = (await tenants.find(tenantId))!;
    const record = { chain: tenantId, action: 'tenant.saved', target: tenantId };
    await expectNothingDone(tenantId, () => tenants.save(auditing, { before: undefined, after: tenant, record }));
  });
});
