import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase } from '../src/store/database.ts';
import { tables } from '../src/store/schema.ts';
import { openTenantData, type TenantData } from '../src/store/tenant-data.ts';
import { startAuditing } from './_audit.ts';
import { type Holder, type MiddlewareHarness, RUN_ID, startMiddleware } from './_harness.ts';

let middleware: MiddlewareHarness;

beforeAll(async () => {
  middleware = await startMiddleware();
});
afterAll(() => middleware.stop());

/** The store on the D1 of the running Worker, so that a test stands between two of its steps. */
async function openFor(holder: Holder): Promise<TenantData> {
  const caller = { ...holder, runId: RUN_ID, tokenId: undefined };
  return openTenantData(openDatabase(await middleware.database()), caller, await startAuditing(`sender:${holder.senderId}`));
}

function createEmptyTable(data: TenantData, name: string, idempotencyKey = name): Promise<void> {
  return data.commit((database) => ({
    idempotencyKey,
    tool: 'test_write',
    fingerprint: 'f',
    result: {},
    statements: [database.insert(tables).values({ tenantId: data.tenantId, name, rowCount: 0, createdAt: new Date().toISOString() })],
  }));
}

async function namesOf(data: TenantData): Promise<readonly string[]> {
  const [rows] = await data.read((database) => [database.select({ tenantId: tables.tenantId, name: tables.name }).from(tables)]);
  return rows.filter((row) => row.tenantId === data.tenantId).map((row) => row.name);
}

describe('a commit', () => {
  it('makes its effect, and its record with it', async () => {
    const data = await openFor(await middleware.newTenant());
    await createEmptyTable(data, 'made');
    expect(await namesOf(data)).toEqual(['made']);
    const effect = { tool: 'test_write', fingerprint: 'f', state: 'done', result: {}, createdAt: expect.any(String) };
    expect(await data.findEffect('made')).toEqual(effect);
  });

  it('has no effect when its sender was unbound after the last read', async () => {
    const holder = await middleware.newTenant();
    const data = await openFor(holder);
    await data.assertBound();
    await middleware.internal('DELETE', `identity-bindings/${holder.senderId}`);
    await expect(createEmptyTable(data, 'too_late')).rejects.toMatchObject({ code: 'conflict' });
    await expect(data.findEffect('too_late')).rejects.toMatchObject({ code: 'forbidden' });
    await middleware.internal('POST', 'identity-bindings', { sender_id: holder.senderId, tenant_id: holder.tenantId });
    expect(await namesOf(data)).toEqual([]);
    expect(await data.findEffect('too_late')).toBeUndefined();
  });

  it('leaves no record when its effect fails, and no effect when its key is used', async () => {
    const data = await openFor(await middleware.newTenant());
    await createEmptyTable(data, 'taken');
    await expect(createEmptyTable(data, 'taken', 'another-key')).rejects.toMatchObject({ code: 'conflict' });
    expect(await data.findEffect('another-key')).toBeUndefined();
    await expect(createEmptyTable(data, 'second', 'taken')).rejects.toMatchObject({ code: 'conflict' });
    expect(await namesOf(data)).toEqual(['taken']);
  });
});
