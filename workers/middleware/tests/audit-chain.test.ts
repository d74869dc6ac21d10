import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { commitAudited } from '../src/store/audit/append-entry.ts';
import { isBrokenPrecondition, requireThat } from '../src/store/audit/require-that.ts';
import { openDatabase } from '../src/store/database.ts';
import { readEntries, startAuditing, verify } from './_audit.ts';
import { type MiddlewareHarness, startMiddleware } from './_harness.ts';

let middleware: MiddlewareHarness;

beforeAll(async () => {
  middleware = await startMiddleware();
});
afterAll(() => middleware.stop());

describe('a chain', () => {
  it('is unbroken whoever writes at once: 50 through the Worker', async () => {
    const holder = await middleware.newTenant();
    const created = await middleware.call(holder, 'tables_create_from_csv', { name: 't', csv: 'n\n1\n' });
    expect(created.status, created.text).toBe(200);
    const before = (await readEntries(middleware, holder.tenantId)).length;
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) => middleware.call(holder, 'tables_insert', { table: 't', rows: [{ n: index }] })),
    );
    expect(answers.map((answer) => answer.status)).toEqual(answers.map(() => 200));
    expect(await verify(middleware, holder.tenantId)).toMatchObject({ findings: [], entries: before + 50 });
  });

  it('is unbroken whoever writes at once: 5 that know nothing of each other', async () => {
    const { tenantId } = await middleware.newTenant();
    const before = (await readEntries(middleware, tenantId)).length;
    const database = openDatabase(await middleware.database());
    const writers = Array.from({ length: 5 }, async (_, index) => {
      const auditing = await startAuditing(`operator`);
      await commitAudited(database, auditing, { chain: tenantId, action: 'test.made', target: String(index) }, []);
    });
    await Promise.all(writers);
    expect(await verify(middleware, tenantId)).toMatchObject({ findings: [], entries: before + 5 });
  });
});

describe('requireThat', () => {
  it.each([
    ['false', false],
    ['true', true],
    ['null', false],
    ['1 = 2', false],
    ['exists (select 1)', true],
  ])('%s', async (condition, holds) => {
    const database = openDatabase(await middleware.database());
    const auditing = await startAuditing('operator');
    const { tenantId } = await middleware.newTenant();
    const before = (await readEntries(middleware, tenantId)).length;
    const record = { chain: tenantId, action: 'test.made', target: 't' };
    const committed = commitAudited(database, auditing, record, [requireThat(database, sql.raw(condition))]);
    const error = await committed.then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(isBrokenPrecondition(error)).toBe(!holds);
    expect(await readEntries(middleware, tenantId)).toHaveLength(before + (holds ? 1 : 0));
  });
});
