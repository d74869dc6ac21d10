import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readEntries, verify } from './_audit.ts';
import { errorOf, type Holder, type MiddlewareHarness, startMiddleware } from './_harness.ts';

const TOKEN_SENDER = `token:tok_${'a1'.repeat(12)}`;

let middleware: MiddlewareHarness;

beforeAll(async () => {
  middleware = await startMiddleware();
});
afterAll(() => middleware.stop());

function bind(tenant: Holder, senderId: string): Promise<Response> {
  return middleware.internal('POST', 'identity-bindings', { tenant_id: tenant.tenantId, sender_id: senderId });
}

function unbind(senderId: string, tenant?: Holder): Promise<Response> {
  const query = tenant === undefined ? '' : `?tenant_id=${tenant.tenantId}`;
  return middleware.internal('DELETE', `identity-bindings/${encodeURIComponent(senderId)}${query}`);
}

async function resolve(sessionId: string, senderId: string): Promise<{ status: string; tenant_id?: string }> {
  const response = await middleware.internal('POST', 'sessions/resolve', { session_id: sessionId, sender_id: senderId });
  return (await response.json()) as { status: string; tenant_id?: string };
}

async function doneOf(tenant: Holder, action: string): Promise<string[]> {
  const entries = await readEntries(middleware, tenant.tenantId);
  return entries.filter((entry) => entry.action === action && entry.outcome === 'done').map((entry) => entry.target);
}

describe('a tenant that is named', () => {
  it('unbinds its own senders, and knows nothing of those of others', async () => {
    const [tenant, other] = [await middleware.newTenant(), await middleware.newTenant()];
    expect(await errorOf(await unbind(other.senderId, tenant))).toMatchObject({ status: 404, code: 'not_found' });
    expect(await resolve('kept', other.senderId)).toMatchObject({ status: 'linked', tenant_id: other.tenantId });
    expect((await unbind(tenant.senderId, tenant)).status).toBe(204);
    expect(await resolve('gone', tenant.senderId)).toEqual({ status: 'unlinked' });
    expect(await errorOf(await unbind('anyone', { ...tenant, tenantId: '../x' }))).toMatchObject({ status: 400, param: 'tenant_id' });
  });

  it('sees its own senders alone', async () => {
    const [tenant] = [await middleware.newTenant(), await middleware.newTenant()];
    const response = await middleware.internal('GET', `identity-bindings?tenant_id=${tenant.tenantId}`);
    expect(((await response.json()) as { data: { sender_id: string }[] }).data.map((row) => row.sender_id)).toEqual([tenant.senderId]);
  });
});

describe('the sender of a token', () => {
  it('is bound by nobody from outside, and unbound by nobody', async () => {
    const tenant = await middleware.newTenant();
    expect(await errorOf(await bind(tenant, TOKEN_SENDER))).toMatchObject({ status: 400, code: 'invalid_request', param: 'sender_id' });
    const database = await middleware.database();
    await database.prepare('insert into identity_bindings values (?, ?, ?)').bind(TOKEN_SENDER, tenant.tenantId, '2026').run();
    expect(await errorOf(await unbind(TOKEN_SENDER))).toMatchObject({ status: 400, code: 'invalid_request', param: 'sender_id' });
    expect(await resolve(TOKEN_SENDER, TOKEN_SENDER)).toMatchObject({ status: 'linked' });
  });
});

describe('unbinding a sender', () => {
  it('ends all that it could do, at once', async () => {
    const tenant = await middleware.newTenant();
    await middleware.call(tenant, 'tables_create_from_csv', { name: 't', csv: 'n\n1\n' });
    await resolve('its-session', tenant.senderId);
    expect((await unbind(tenant.senderId)).status).toBe(204);
    expect(await resolve('its-session', tenant.senderId)).toEqual({ status: 'unlinked' });
    expect((await middleware.internal('POST', 'bearers/verify', { bearer: tenant.bearer })).status).toBe(403);
    for (const path of ['connections', 'tools']) expect((await middleware.data(tenant, path)).status, path).toBe(403);
    expect((await middleware.call(tenant, 'tables_query', { table: 't' })).status).toBe(403);
    expect((await middleware.call(tenant, 'tables_insert', { table: 't', rows: [{ n: 2 }] })).status).toBe(403);
    await bind(tenant, tenant.senderId);
    const { result } = await middleware.call(tenant, 'tables_query', { table: 't', aggregates: [{ function: 'count' }] });
    expect(result.rows[0].count).toBe(1);
  });

  it('leaves its session to it: nobody else gets it, in the tenant that it was of', async () => {
    const tenant = await middleware.newTenant();
    await bind(tenant, `second-${tenant.tenantId}`);
    await resolve('left-alone', tenant.senderId);
    await unbind(tenant.senderId);
    const response = await middleware.internal('POST', 'sessions/resolve', {
      session_id: 'left-alone',
      sender_id: `second-${tenant.tenantId}`,
    });
    expect(await errorOf(response)).toMatchObject({ status: 403, code: 'forbidden' });
    await bind(tenant, tenant.senderId);
    expect(await resolve('left-alone', tenant.senderId)).toMatchObject({ status: 'linked' });
  });
});

describe('many at once', () => {
  it('bind a sender once, and tell of it once', async () => {
    const tenant = await middleware.newTenant();
    const senderId = `crowded-${tenant.tenantId}`;
    const answers = await Promise.all(Array.from({ length: 20 }, () => bind(tenant, senderId)));
    expect(answers.map((answer) => answer.status).sort()).toEqual([...Array(19).fill(200), 201]);
    expect((await doneOf(tenant, 'binding.created')).filter((target) => target === senderId)).toHaveLength(1);
  });

  it('unbind a sender once, and tell of it once', async () => {
    const tenant = await middleware.newTenant();
    const answers = await Promise.all(Array.from({ length: 20 }, () => unbind(tenant.senderId)));
    expect(answers.map((answer) => answer.status).sort()).toEqual([204, ...Array(19).fill(404)]);
    expect(await doneOf(tenant, 'binding.deleted')).toEqual([tenant.senderId]);
    expect((await verify(middleware, tenant.tenantId)).findings).toEqual([]);
  });

  it('bind and unbind as the chain tells it', async () => {
    const tenant = await middleware.newTenant();
    const senderId = `restless-${tenant.tenantId}`;
    await Promise.all(Array.from({ length: 40 }, (_, index) => (index % 2 === 0 ? bind(tenant, senderId) : unbind(senderId))));
    const entries = await readEntries(middleware, tenant.tenantId);
    const told = entries.filter((entry) => entry.target === senderId && entry.outcome === 'done').map((entry) => entry.action);
    expect(told.length).toBeGreaterThan(0);
    expect(told).toEqual(told.map((_, index) => (index % 2 === 0 ? 'binding.created' : 'binding.deleted')));
    const isBound = (await resolve(`of-${senderId}`, senderId)).status === 'linked';
    expect(isBound).toBe(told.length % 2 === 1);
  });
});
