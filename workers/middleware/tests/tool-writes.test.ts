import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Holder, type MiddlewareHarness, startMiddleware } from './_harness.ts';

const COPIES = 20;

let middleware: MiddlewareHarness;
let holder: Holder;

beforeAll(async () => {
  middleware = await startMiddleware();
});
afterAll(() => middleware.stop());

async function newTable(name: string): Promise<void> {
  const created = await middleware.call(holder, 'tables_create_from_csv', { name, csv: 'item,quantity\nbolt,1\n' });
  expect(created.status).toBe(200);
}

async function countRows(table: string, by: Holder = holder): Promise<number> {
  const { result } = await middleware.call(by, 'tables_query', { table, aggregates: [{ function: 'count' }] });
  return result.rows[0].count;
}

function insert(table: string, item: string, key: string | null, by: Holder = holder) {
  return middleware.call(by, 'tables_insert', { table, rows: [{ item, quantity: 1 }] }, key);
}

describe('a write', () => {
  beforeAll(async () => {
    holder = await middleware.newTenant();
  });

  it('needs a key', async () => {
    await newTable('keyless');
    expect(await insert('keyless', 'nut', null)).toMatchObject({
      status: 400,
      error: { code: 'invalid_request', param: 'idempotency-key' },
    });
    expect(await insert('keyless', 'nut', 'a key with spaces')).toMatchObject({ status: 400 });
    expect(await countRows('keyless')).toBe(1);
  });

  it('sent again, answers the same and does nothing', async () => {
    await newTable('repeated');
    const first = await insert('repeated', 'nut', 'run/1/call_1');
    const second = await insert('repeated', 'nut', 'run/1/call_1');
    expect([first.replayed, second.replayed]).toEqual([false, true]);
    expect(second.text).toBe(first.text);
    expect(await countRows('repeated')).toBe(2);
  });

  it('is the same call however its arguments are ordered', async () => {
    await newTable('reordered');
    const first = await middleware.call(holder, 'tables_insert', { table: 'reordered', rows: [{ item: 'a', quantity: 2 }] }, 'order-1');
    const second = await middleware.call(holder, 'tables_insert', { rows: [{ quantity: 2, item: 'a' }], table: 'reordered' }, 'order-1');
    expect(second).toMatchObject({ status: 200, replayed: true, text: first.text });
  });

  it.each([
    ['with other arguments', 'tables_insert', { table: 'mismatched', rows: [{ item: 'other' }] }],
    ['with arguments that would fail', 'tables_insert', { table: 'no_such_table', rows: [{ item: 'other' }] }],
    ['for another tool', 'tables_create_from_csv', { name: 'mismatched_too', csv: 'a\n1\n' }],
  ])('refuses its key %s', async (name, tool, input) => {
    await middleware.call(holder, 'tables_create_from_csv', { name: 'mismatched', csv: 'item\nbolt\n' }, 'mismatch-setup');
    const key = `mismatch-${name.length}`;
    await middleware.call(holder, 'tables_insert', { table: 'mismatched', rows: [{ item: 'nut' }] }, key);
    const before = await countRows('mismatched');
    expect(await middleware.call(holder, tool, input, key)).toMatchObject({ status: 422, error: { code: 'idempotency_mismatch' } });
    expect(await countRows('mismatched')).toBe(before);
  });

  it('that failed left no record: mended, it may use its key', async () => {
    await newTable('mended');
    expect((await middleware.call(holder, 'tables_insert', { table: 'mended', rows: [{ colour: 'red' }] }, 'mended-1')).status).toBe(400);
    expect(await insert('mended', 'nut', 'mended-1')).toMatchObject({ status: 200, replayed: false });
  });

  it('of another tenant may have the same key', async () => {
    await newTable('shared_key');
    const other = await middleware.newTenant();
    await middleware.call(other, 'tables_create_from_csv', { name: 'shared_key', csv: 'item,quantity\n' });
    expect(await insert('shared_key', 'nut', 'shared')).toMatchObject({ status: 200, replayed: false });
    expect(await insert('shared_key', 'nut', 'shared', other)).toMatchObject({ status: 200, replayed: false });
    expect(await countRows('shared_key', other)).toBe(1);
  });
});

describe(`${COPIES} copies of a write at once`, () => {
  beforeAll(async () => {
    holder = await middleware.newTenant();
  });

  it('insert once and answer alike', async () => {
    await newTable('copies');
    for (let round = 0; round < 5; round += 1) {
      const before = await countRows('copies');
      const answers = await Promise.all(Array.from({ length: COPIES }, () => insert('copies', 'nut', `round-${round}`)));
      expect(answers.map((answer) => answer.status)).toEqual(Array.from({ length: COPIES }, () => 200));
      expect(new Set(answers.map((answer) => answer.text)).size).toBe(1);
      expect(answers.filter((answer) => !answer.replayed)).toHaveLength(1);
      expect(await countRows('copies')).toBe(before + 1);
    }
  });

  it('create one table and answer alike', async () => {
    for (let round = 0; round < 5; round += 1) {
      const input = { name: `created_${round}`, csv: 'item\nbolt\nnut\n' };
      const answers = await Promise.all(
        Array.from({ length: COPIES }, () => middleware.call(holder, 'tables_create_from_csv', input, `create-${round}`)),
      );
      expect(new Set(answers.map((answer) => answer.text)).size).toBe(1);
      expect(answers.filter((answer) => !answer.replayed)).toHaveLength(1);
      expect(await countRows(`created_${round}`)).toBe(2);
    }
  });

  it('under two keys create one table; the losers are told, and what won is whole', async () => {
    const answers = await Promise.all(
      Array.from({ length: COPIES }, (_, index) => {
        const csv = `item\n${Array.from({ length: 30 }, () => `from-${index % 2}`).join('\n')}\n`;
        return middleware.call(holder, 'tables_create_from_csv', { name: 'contended', csv }, `contended-${index % 2}`);
      }),
    );
    const statuses = answers.map((answer) => answer.status);
    expect(
      statuses.filter((status) => status === 200),
      statuses.join(),
    ).toHaveLength(COPIES / 2);
    expect(answers.filter((answer) => answer.status === 409)).toHaveLength(COPIES / 2);
    const { result } = await middleware.call(holder, 'tables_query', {
      table: 'contended',
      group_by: ['item'],
      aggregates: [{ function: 'count' }],
    });
    expect(result.rows).toEqual([{ item: expect.stringMatching(/^from-[01]$/), count: 30 }]);
  });

  it('with arguments of two kinds have the effect of one kind, and the others are told', async () => {
    await newTable('two_kinds');
    const answers = await Promise.all(Array.from({ length: COPIES }, (_, index) => insert('two_kinds', `kind-${index % 2}`, 'two-kinds')));
    expect(answers.filter((answer) => answer.status === 200)).toHaveLength(COPIES / 2);
    expect(answers.filter((answer) => answer.status === 422)).toHaveLength(COPIES / 2);
    expect(await countRows('two_kinds')).toBe(2);
  });
});

describe('what else bounds a write', () => {
  beforeAll(async () => {
    holder = await middleware.newTenant();
  });

  it('is the room in the table, however many inserts run at once', async () => {
    await newTable('nearly_full');
    const database = await middleware.database();
    await database.prepare("update tables set row_count = 49995 where tenant_id = ? and name = 'nearly_full'").bind(holder.tenantId).run();
    const answers = await Promise.all(Array.from({ length: COPIES }, (_, index) => insert('nearly_full', 'nut', `full-${index}`)));
    expect(answers.filter((answer) => answer.status === 200)).toHaveLength(5);
    const refused = answers.filter((answer) => answer.status === 409);
    expect(refused).toHaveLength(COPIES - 5);
    expect(refused[0]?.error?.message).toContain('50000 rows');
    expect(await countRows('nearly_full')).toBe(6);
  });

  it('is the binding: unbound while its calls run, a sender leaves nothing half done', async () => {
    for (let round = 0; round < 10; round += 1) {
      const leaving = await middleware.newTenant();
      await middleware.call(leaving, 'tables_create_from_csv', { name: 'left', csv: 'item,quantity\nbolt,1\n' });
      const calls = Array.from({ length: 6 }, (_, index) => insert('left', 'nut', `left-${index}`, leaving));
      const [, ...answers] = await Promise.all([middleware.internal('DELETE', `identity-bindings/${leaving.senderId}`), ...calls]);
      const done = answers.filter((answer) => answer.status === 200).length;
      expect(answers.filter((answer) => answer.status === 403)).toHaveLength(6 - done);
      await middleware.internal('POST', 'identity-bindings', { sender_id: leaving.senderId, tenant_id: leaving.tenantId });
      expect(await countRows('left', leaving)).toBe(1 + done);
    }
  });

  it('is not the past: records that nobody repeats any more are removed by later writes, others stay', async () => {
    await newTable('aged');
    await insert('aged', 'nut', 'aged-old');
    await insert('aged', 'nut', 'aged-young');
    const database = await middleware.database();
    const age = (key: string, days: number) =>
      database
        .prepare('update tool_effects set created_at = ? where idempotency_key = ?')
        .bind(new Date(Date.now() - days * 86_400_000).toISOString(), key)
        .run();
    await age('aged-old', 31);
    await age('aged-young', 29);
    await insert('aged', 'nut', 'aged-new');
    const { results } = await database
      .prepare("select idempotency_key from tool_effects where idempotency_key like 'aged-%' order by 1")
      .all();
    expect(results).toEqual([{ idempotency_key: 'aged-new' }, { idempotency_key: 'aged-young' }]);
  });
});
