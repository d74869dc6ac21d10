import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Holder, type MiddlewareHarness, startMiddleware } from './_harness.ts';

const INVENTORY = `SKU,Product,Stock,Reorder Level,Discontinued,Restocked,Note
A-1,Bolt,4,10,false,2026-01-05,
A-2,Nut,40,10,false,2026-02-01,fine thread
A-3,Washer,9,9,true,2025-12-31,
A-4,"Screw, long",3,25,false,,"says ""hi"""
00123,Drill,100,20,false,2026-02-01T10:30:00+02:00,
`;

let middleware: MiddlewareHarness;
let holder: Holder;

beforeAll(async () => {
  middleware = await startMiddleware();
  holder = await middleware.newTenant();
  const created = await middleware.call(holder, 'tables_create_from_csv', { name: 'Inventory', csv: INVENTORY });
  expect(created.result).toEqual({
    table: 'inventory',
    columns: [
      { name: 'sku', type: 'text' },
      { name: 'product', type: 'text' },
      { name: 'stock', type: 'number' },
      { name: 'reorder_level', type: 'number' },
      { name: 'discontinued', type: 'boolean' },
      { name: 'restocked', type: 'date' },
      { name: 'note', type: 'text' },
    ],
    row_count: 5,
  });
});
afterAll(() => middleware.stop());

async function query(input: Record<string, unknown>) {
  const answer = await middleware.call(holder, 'tables_query', { table: 'inventory', ...input });
  expect(answer.error).toBeUndefined();
  return answer.result;
}

async function skus(input: Record<string, unknown>): Promise<readonly string[]> {
  return (await query({ columns: ['sku'], ...input })).rows.map((row: { sku: string }) => row.sku);
}

describe('tables_query', () => {
  it('compares two columns of a row', async () => {
    expect(await skus({ where: [{ column: 'stock', operator: 'lt', other_column: 'Reorder Level' }] })).toEqual(['A-1', 'A-4']);
  });

  it('gives cells back with their types', async () => {
    const { rows, columns, row_count, has_more } = await query({
      where: [{ column: 'sku', operator: 'in', value: ['A-3', '00123', 'none'] }],
    });
    expect(rows).toEqual([
      { sku: 'A-3', product: 'Washer', stock: 9, reorder_level: 9, discontinued: true, restocked: '2025-12-31', note: null },
      { sku: '00123', product: 'Drill', stock: 100, reorder_level: 20, discontinued: false, restocked: '2026-02-01T08:30:00Z', note: null },
    ]);
    expect(columns[2]).toEqual({ name: 'stock', type: 'number' });
    expect({ row_count, has_more }).toEqual({ row_count: 2, has_more: false });
  });

  it.each([
    ['numbers as numbers, and not as text', { column: 'stock', operator: 'gt', value: 9 }, ['A-2', '00123']],
    ['a number that a model wrote as text', { column: 'stock', operator: 'gte', value: '40' }, ['A-2', '00123']],
    ['dates as ISO text', { column: 'restocked', operator: 'lt', value: '2026-02-01' }, ['A-1', 'A-3']],
    ['moments in other zones', { column: 'restocked', operator: 'eq', value: '2026-02-01T09:30:00+01:00' }, ['00123']],
    ['booleans', { column: 'discontinued', operator: 'eq', value: true }, ['A-3']],
    ['an empty cell: unlike every value', { column: 'note', operator: 'ne', value: 'fine thread' }, ['A-1', 'A-3', 'A-4', '00123']],
    ['an empty cell: neither over nor under', { column: 'restocked', operator: 'gt', value: '1900-01-01' }, ['A-1', 'A-2', 'A-3', '00123']],
    ['emptiness', { column: 'restocked', operator: 'is_empty' }, ['A-4']],
    ['fullness', { column: 'note', operator: 'is_not_empty' }, ['A-2', 'A-4']],
    ['a part of a text, whatever its case', { column: 'product', operator: 'contains', value: 'SCREW' }, ['A-4']],
    ['the begin of a text', { column: 'product', operator: 'starts_with', value: 'w' }, ['A-3']],
    ['% as the sign it is', { column: 'product', operator: 'contains', value: '%' }, []],
  ])('compares %s', async (_name, condition, expected) => {
    expect(await skus({ where: [condition] })).toEqual(expected);
  });

  it('joins conditions by all or by any', async () => {
    const where = [
      { column: 'stock', operator: 'lt', value: 10 },
      { column: 'discontinued', operator: 'eq', value: true },
    ];
    expect(await skus({ where })).toEqual(['A-3']);
    expect(await skus({ where, match: 'any' })).toEqual(['A-1', 'A-3', 'A-4']);
  });

  it('groups and aggregates', async () => {
    const { rows } = await query({
      group_by: ['discontinued'],
      aggregates: [
        { function: 'count' },
        { function: 'sum', column: 'stock', as: 'Total Stock' },
        { function: 'avg', column: 'stock' },
        { function: 'max', column: 'restocked' },
        { function: 'count', column: 'note' },
      ],
      order_by: [{ column: 'total_stock', direction: 'desc' }],
    });
    expect(rows).toEqual([
      { discontinued: false, count: 4, total_stock: 147, avg_stock: 36.75, max_restocked: '2026-02-01T08:30:00Z', count_note: 2 },
      { discontinued: true, count: 1, total_stock: 9, avg_stock: 9, max_restocked: '2025-12-31', count_note: 0 },
    ]);
  });

  it('aggregates over nothing to nothing', async () => {
    const { rows } = await query({
      where: [{ column: 'sku', operator: 'eq', value: 'none' }],
      aggregates: [{ function: 'count' }, { function: 'sum', column: 'stock' }],
    });
    expect(rows).toEqual([{ count: 0, sum_stock: null }]);
  });

  it('orders, empty cells last both ways, and pages without overlap', async () => {
    expect(await skus({ order_by: [{ column: 'restocked' }] })).toEqual(['A-3', 'A-1', 'A-2', '00123', 'A-4']);
    expect(await skus({ order_by: [{ column: 'restocked', direction: 'desc' }] })).toEqual(['00123', 'A-2', 'A-1', 'A-3', 'A-4']);
    const pages = [];
    for (let offset = 0; ; offset += 2) {
      const page = await query({ columns: ['sku'], order_by: [{ column: 'discontinued' }], limit: 2, offset });
      pages.push(...page.rows.map((row: { sku: string }) => row.sku));
      if (!page.has_more) break;
    }
    expect(pages).toEqual(['A-1', 'A-2', 'A-4', '00123', 'A-3']);
  });

  it('works without a key, as it writes nothing', async () => {
    const answer = await middleware.call(holder, 'tables_query', { table: 'inventory' }, null);
    expect(answer.status).toBe(200);
  });
});
