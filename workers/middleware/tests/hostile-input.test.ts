import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AGGREGATE_FUNCTIONS, OPERATORS } from '../src/providers/tables/query-input.ts';
import { type Holder, type MiddlewareHarness, startMiddleware } from './_harness.ts';

const HOSTILE = [
  '"; drop table tenants; --',
  "'; delete from table_rows where '1'='1",
  "' or 1=1 --",
  '$.x[*]',
  '$[0]',
  'cells ->> 0',
  '%',
  '_',
  '?1',
  ':tenant_id',
  '\\',
  '\u0000',
  '\ud800',
  '💥',
  'ẞtraße',
  '价格',
  '__proto__',
  'constructor',
  'toString',
  'rowid',
  'tenant_id',
  '../..',
  '{{secret}}',
  'x'.repeat(10_000),
];

let middleware: MiddlewareHarness;
let mine: Holder;
let theirs: Holder;

beforeAll(async () => {
  middleware = await startMiddleware();
  [mine, theirs] = [await middleware.newTenant(), await middleware.newTenant()];
  const rows = ['1,true,2026-01-01,mine one', '2,false,,mine two', ',,2026-03-03T03:03:03Z,mine three', '-3.5,true,2025-05-05,'];
  await middleware.call(mine, 'tables_create_from_csv', { name: 'shared', csv: `amount,paid,due,label\n${rows.join('\n')}\n` });
  await middleware.call(theirs, 'tables_create_from_csv', {
    name: 'shared',
    csv: `amount,paid,due,label\n1,true,2026-01-01,their secret\n`,
  });
  await middleware.call(theirs, 'tables_create_from_csv', { name: 'theirs_alone', csv: 'label\ntheir secret\n' });
});
afterAll(() => middleware.stop());

describe('a tenant', () => {
  it('has its own table under a name that another tenant uses too', async () => {
    const read = async (holder: Holder) =>
      (await middleware.call(holder, 'tables_query', { table: 'shared', columns: ['label'] })).result.rows;
    expect(await read(mine)).toEqual([{ label: 'mine one' }, { label: 'mine two' }, { label: 'mine three' }, { label: null }]);
    expect(await read(theirs)).toEqual([{ label: 'their secret' }]);
    const { result } = await middleware.call(mine, 'tables_list', {});
    expect(result.tables).toEqual([{ name: 'shared', row_count: 4, columns: ['amount', 'paid', 'due', 'label'] }]);
  });

  it('writes to its own table only', async () => {
    await middleware.call(theirs, 'tables_insert', { table: 'shared', rows: [{ amount: 7, label: 'their second secret' }] });
    const { result } = await middleware.call(mine, 'tables_query', { table: 'shared', aggregates: [{ function: 'count' }] });
    expect(result.rows).toEqual([{ count: 4 }]);
    expect((await middleware.call(mine, 'tables_describe', { table: 'shared' })).result.row_count).toBe(4);
  });

  it.each([
    ['tables_describe', { table: 'theirs_alone' }],
    ['tables_query', { table: 'theirs_alone' }],
    ['tables_insert', { table: 'theirs_alone', rows: [{ label: 'x' }] }],
  ])('meets in %s no table of another, not even by name', async (tool, input) => {
    const answer = await middleware.call(mine, tool, input);
    expect(answer).toMatchObject({ status: 404, error: { code: 'not_found' } });
    expect(answer.text).not.toContain('theirs_alone');
  });
});

describe('hostile text', () => {
  it.each(HOSTILE)('%j is refused or kept as it is, wherever it stands', async (text) => {
    const holder = await middleware.newTenant();
    const created = await middleware.call(holder, 'tables_create_from_csv', {
      name: text,
      csv: `${text.replace(/[\s"',;]/g, '_')},b\n1,2\n`,
    });
    expect([200, 400]).toContain(created.status);
    await middleware.call(holder, 'tables_create_from_csv', { name: 'cells', csv: 'value,other\nfirst,1\n' });
    const inserted = await middleware.call(holder, 'tables_insert', { table: 'cells', rows: [{ value: text, other: 2 }] });
    expect(inserted.status).toBe(text.length > 4_000 || !text.isWellFormed() ? 400 : 200);
    const found = await middleware.call(holder, 'tables_query', {
      table: 'cells',
      where: [{ column: 'value', operator: 'eq', value: text }],
    });
    expect(found.result.rows).toEqual(inserted.status === 200 ? [{ value: text, other: 2 }] : []);
    for (const input of [
      { table: text },
      { table: 'cells', columns: [text] },
      { table: 'cells', where: [{ column: text, operator: 'eq', value: 1 }] },
      { table: 'cells', where: [{ column: 'value', operator: text, value: 1 }] },
      { table: 'cells', where: [{ column: 'value', operator: 'eq', other_column: text }] },
      { table: 'cells', group_by: [text] },
      { table: 'cells', aggregates: [{ function: text }] },
      { table: 'cells', order_by: [{ column: text }] },
      { table: 'cells', order_by: [{ column: 'value', direction: text }] },
      { table: 'cells', [text]: 1 },
    ]) {
      const answer = await middleware.call(holder, 'tables_query', input);
      // The table that was created above may be found by its name again.
      expect([400, 404, ...(input.table === text ? [200] : [])]).toContain(answer.status);
    }
    const named = await middleware.call(holder, 'tables_query', { table: 'cells', aggregates: [{ function: 'count', as: text }] });
    expect([200, 400]).toContain(named.status);
    expect((await middleware.call(holder, 'tables_query', { table: 'cells' })).status).toBe(200);
  });
});

const NAMES = ['amount', 'paid', 'due', 'label', 'Label'];
const TYPED_VALUES: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  amount: fc.oneof(fc.integer({ min: -5, max: 5 }), fc.double({ noNaN: true, noDefaultInfinity: true })),
  paid: fc.boolean(),
  due: fc.constantFrom('2026-01-01', '2025-12-31T23:59:59Z', '2026-03-03T05:03:03+02:00'),
  label: fc.oneof(fc.constantFrom('mine one', 'their secret', 'm', ...HOSTILE), fc.string({ unit: 'binary', minLength: 1, maxLength: 20 })),
};

function optional(shape: Record<string, fc.Arbitrary<unknown>>, ...requiredKeys: string[]) {
  return fc.record(shape, { requiredKeys });
}

/** Conditions that fit their columns, so that they are run and not only refused. */
const fittingCondition = fc.constantFrom('amount', 'paid', 'due', 'label').chain((column) => {
  const value = TYPED_VALUES[column]!;
  const comparison = fc.constantFrom('eq', 'ne', 'lt', 'lte', 'gt', 'gte');
  return fc.oneof(
    fc.record({ column: fc.constant(column), operator: comparison, value }),
    fc.record({ column: fc.constant(column), operator: comparison, other_column: fc.constant(column) }),
    fc.record({
      column: fc.constant(column),
      operator: fc.constant('in'),
      value: fc.array(value, { minLength: 1, maxLength: 5 }),
    }),
    fc.record({ column: fc.constant(column), operator: fc.constantFrom('is_empty', 'is_not_empty') }),
    fc.record({ column: fc.constant('label'), operator: fc.constantFrom('contains', 'starts_with'), value: TYPED_VALUES['label']! }),
  );
});
const typedName = fc.constantFrom(...NAMES);
const fittingOrder = optional({ column: typedName, direction: fc.constantFrom('asc', 'desc') }, 'column');
const rowQuery = optional(
  {
    table: fc.constantFrom('shared', 'Shared'),
    columns: fc.array(typedName, { minLength: 1, maxLength: 3 }),
    where: fc.array(fittingCondition, { maxLength: 3 }),
    match: fc.constantFrom('all', 'any'),
    order_by: fc.array(fittingOrder, { minLength: 1, maxLength: 3 }),
    limit: fc.integer({ min: 1, max: 200 }),
    offset: fc.integer({ min: 0, max: 3 }),
  },
  'table',
);
const fittingAggregate = fc.oneof(
  fc.record({ function: fc.constantFrom('sum', 'avg'), column: fc.constant('amount'), as: fc.constantFrom(...HOSTILE, 'total') }),
  fc.record({ function: fc.constantFrom('count', 'count_distinct', 'min', 'max'), column: typedName }),
);
const groupQuery = optional(
  {
    table: fc.constant('shared'),
    where: fc.array(fittingCondition, { maxLength: 2 }),
    group_by: fc.array(typedName, { minLength: 1, maxLength: 1 }),
    aggregates: fc.array(fittingAggregate, { minLength: 1, maxLength: 1 }),
    limit: fc.integer({ min: 1, max: 200 }),
  },
  'table',
  'aggregates',
);

/** Anything in the shape of a query. */
const anyName = fc.oneof({ weight: 3, arbitrary: typedName }, { weight: 1, arbitrary: fc.constantFrom(...HOSTILE) });
const anyScalar = fc.oneof(
  fc.constantFrom(...HOSTILE),
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc.double(),
  fc.integer(),
  fc.boolean(),
);
const anyCondition = optional(
  {
    column: anyName,
    operator: fc.constantFrom(...OPERATORS),
    value: fc.oneof(anyScalar, fc.array(anyScalar, { maxLength: 4 })),
    other_column: anyName,
  },
  'column',
  'operator',
);
const anyAggregate = optional({ function: fc.constantFrom(...AGGREGATE_FUNCTIONS), column: anyName, as: anyName }, 'function');
const wildQuery = optional(
  {
    table: fc.constantFrom('shared', 'theirs_alone', ...HOSTILE),
    columns: fc.array(anyName, { maxLength: 3 }),
    where: fc.array(anyCondition, { maxLength: 2 }),
    match: fc.constantFrom('all', 'any', 'none'),
    group_by: fc.array(anyName, { maxLength: 2 }),
    aggregates: fc.array(anyAggregate, { maxLength: 2 }),
    order_by: fc.array(optional({ column: anyName, direction: anyName }, 'column'), { maxLength: 2 }),
    limit: fc.oneof(fc.integer(), anyScalar),
    offset: fc.oneof(fc.integer({ min: -1, max: 10 }), anyScalar),
  },
  'table',
);

describe('any query at all', () => {
  it('is answered or refused, never a 5xx, and never with a row of another tenant', { timeout: 120_000 }, async () => {
    const seed = Number(process.env['FAST_CHECK_SEED'] ?? Date.now() % 2_147_483_647);
    process.stdout.write(`hostile-input: FAST_CHECK_SEED=${seed}\n`);
    const statuses = new Map<number, number>();
    let answeredWithRows = 0;
    await fc.assert(
      fc.asyncProperty(fc.oneof(rowQuery, groupQuery, wildQuery), async (input) => {
        const answer = await middleware.call(mine, 'tables_query', input, null);
        statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
        expect([200, 400, 404]).toContain(answer.status);
        expect(answer.text).not.toMatch(/their second secret|theirs_alone/);
        if (answer.status !== 200) return;
        expect(JSON.stringify(answer.result.rows)).not.toContain('their secret');
        if (answer.result.row_count > 0) answeredWithRows += 1;
      }),
      { seed, numRuns: 1_500 },
    );
    const tally = [...statuses].map(([status, count]) => `${status}: ${count}`).join(', ');
    expect(statuses.get(200) ?? 0, tally).toBeGreaterThan(700);
    expect(answeredWithRows, tally).toBeGreaterThan(400);
    const after = await middleware.call(mine, 'tables_query', { table: 'shared', aggregates: [{ function: 'count' }] });
    expect(after.result.rows).toEqual([{ count: 4 }]);
  });
});
