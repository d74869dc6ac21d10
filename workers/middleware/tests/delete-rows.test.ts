import { ToolList } from '@rubot/contracts/data';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Holder, type MiddlewareHarness, startMiddleware, type ToolAnswer } from './_harness.ts';

const COPIES = 20;
const ORDERS = `number,customer,amount,paid
SO-1,Kiosk,10,true
SO-2,Hotel,20,false
SO-3,Kiosk,30,false
SO-4,Hostel,40,
SO-5,Kiosk,,true
`;

let middleware: MiddlewareHarness;
let holder: Holder;
let table: string;
let tableCount = 0;

beforeAll(async () => {
  middleware = await startMiddleware();
  holder = await middleware.newTenant();
});
afterAll(() => middleware.stop());
beforeEach(async () => {
  tableCount += 1;
  table = `orders_${tableCount}`;
  await create(holder, table);
});

async function create(by: Holder, name: string): Promise<void> {
  expect((await middleware.call(by, 'tables_create_from_csv', { name, csv: ORDERS })).status).toBe(200);
}

function deleteRows(input: Record<string, unknown>, key?: string): Promise<ToolAnswer> {
  return middleware.call(holder, 'tables_delete_rows', { table, ...input }, key);
}

async function numbers(by: Holder = holder, input: Record<string, unknown> = {}): Promise<readonly string[]> {
  const { result } = await middleware.call(by, 'tables_query', { table, columns: ['number'], ...input });
  return result.rows.map((row: { number: string }) => row.number);
}

async function countKept(): Promise<number> {
  return (await middleware.call(holder, 'tables_describe', { table })).result.row_count;
}

const OF_KIOSK = [{ column: 'customer', operator: 'eq', value: 'Kiosk' }];

describe('tables_delete_rows', () => {
  it('is a write that a person has to approve, and the only one', async () => {
    const { tools } = ToolList.parse(await (await middleware.data(holder, 'tools')).json());
    expect(tools.filter((tool) => tool.needs_approval === true).map(({ name, effect }) => [name, effect])).toEqual([
      ['tables_delete_rows', 'write'],
    ]);
  });

  it.each<[string, Record<string, unknown>, readonly string[]]>([
    [
      'all conditions',
      { where: [...OF_KIOSK, { column: 'paid', operator: 'eq', value: false }], expected_rows: 1 },
      ['SO-1', 'SO-2', 'SO-4', 'SO-5'],
    ],
    ['any condition', { where: [...OF_KIOSK, { column: 'paid', operator: 'is_empty' }], match: 'any', expected_rows: 4 }, ['SO-2']],
    ['one number', { where: [{ column: 'Number', operator: 'eq', value: 'SO-4' }], expected_rows: 1 }, ['SO-1', 'SO-2', 'SO-3', 'SO-5']],
  ])('deletes what fits %s, and counts what is left', async (_name, input, left) => {
    expect((await deleteRows(input)).result).toEqual({ table, deleted: input['expected_rows'] });
    expect(await numbers()).toEqual(left);
    expect(await countKept()).toBe(left.length);
  });

  it.each([1, 2, 4])('deletes nothing where %i rows were expected and another number fits', async (expected) => {
    const answer = await deleteRows({ where: OF_KIOSK, expected_rows: expected });
    expect(answer).toMatchObject({ status: 409, error: { code: 'conflict' } });
    expect(answer.error?.message).toMatch(/nothing was deleted. Look again with tables_query/);
    expect([(await numbers()).length, await countKept()]).toEqual([5, 5]);
  });

  it.each<[string, Record<string, unknown>, RegExp]>([
    ['no conditions', { expected_rows: 5 }, /where/],
    ['an empty list of them', { where: [], expected_rows: 5 }, /where/],
    ['no number', { where: OF_KIOSK }, /expected_rows/],
    ['none', { where: OF_KIOSK, expected_rows: 0 }, /1/],
    ['more than 500 rows', { where: OF_KIOSK, expected_rows: 501 }, /500/],
    ['a column that is not there', { where: [{ column: 'colour', operator: 'is_empty' }], expected_rows: 1 }, /number \(text\), customer/],
    ['a limit', { where: OF_KIOSK, expected_rows: 3, limit: 1 }, /limit/],
  ])('refuses %s', async (_name, input, hint) => {
    const answer = await deleteRows(input);
    expect(answer).toMatchObject({ status: 400, error: { code: 'invalid_request' } });
    expect(`${answer.error?.param} ${answer.error?.message}`).toMatch(hint);
    expect((await numbers()).length).toBe(5);
  });

  it('needs a key, and the scope to write', async () => {
    const input = { table, where: OF_KIOSK, expected_rows: 3 };
    expect((await middleware.call(holder, 'tables_delete_rows', input, null)).status).toBe(400);
    const reader = { ...holder, bearer: await middleware.bearerFor(holder, { scope: ['tools:read'] }) };
    expect((await middleware.call(reader, 'tables_delete_rows', input)).status).toBe(403);
    expect((await numbers()).length).toBe(5);
  });

  it('leaves a table of the same name alone that is another tenant’s', async () => {
    const other = await middleware.newTenant();
    await create(other, table);
    expect((await deleteRows({ where: OF_KIOSK, expected_rows: 3 })).status).toBe(200);
    expect((await numbers(other)).length).toBe(5);
  });
});

describe(`${COPIES} deletions at once`, () => {
  it('under one key delete once, and answer alike', async () => {
    const answers = await Promise.all(
      Array.from({ length: COPIES }, () => deleteRows({ where: OF_KIOSK, expected_rows: 3 }, `copies-${table}`)),
    );
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    expect(answers.filter(({ status, replayed }) => status === 200 && !replayed)).toHaveLength(1);
    // Nothing fits any more; the call was made before.
    expect(await deleteRows({ where: OF_KIOSK, expected_rows: 3 }, `copies-${table}`)).toMatchObject({ status: 200, replayed: true });
    expect([(await numbers()).length, await countKept()]).toEqual([2, 2]);
  });

  it('under keys of their own have one winner, and the others are told', async () => {
    const answers = await Promise.all(Array.from({ length: COPIES }, () => deleteRows({ where: OF_KIOSK, expected_rows: 3 })));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 409)).toHaveLength(COPIES - 1);
    expect([(await numbers()).length, await countKept()]).toEqual([2, 2]);
  });
});

const condition = fc.oneof(
  fc.record({
    column: fc.constant('customer'),
    operator: fc.constantFrom('eq', 'ne', 'contains', 'starts_with'),
    value: fc.constantFrom('Kiosk', 'Ho', 'k', '%'),
  }),
  fc.record({ column: fc.constant('amount'), operator: fc.constantFrom('lt', 'gte', 'ne'), value: fc.constantFrom(10, 20, 35) }),
  fc.record({ column: fc.constantFrom('amount', 'paid'), operator: fc.constantFrom('is_empty', 'is_not_empty') }),
  fc.record({
    column: fc.constant('number'),
    operator: fc.constant('in'),
    value: fc.subarray(['SO-1', 'SO-3', "' or 1=1 --"], { minLength: 1 }),
  }),
);

describe('any conditions at all', () => {
  it('delete what a query shows for them, and nothing else', { timeout: 60_000 }, async () => {
    const seed = Number(process.env['FAST_CHECK_SEED'] ?? Date.now() % 2_147_483_647);
    process.stdout.write(`delete-rows: FAST_CHECK_SEED=${seed}\n`);
    let deletions = 0;
    const filters = fc.record({ where: fc.array(condition, { minLength: 1, maxLength: 3 }), match: fc.constantFrom('all', 'any') });
    await fc.assert(
      fc.asyncProperty(filters, async (filter) => {
        table = 'any';
        const own = await middleware.newTenant();
        await create(own, table);
        const all = await numbers(own);
        const meant = await numbers(own, filter);
        const answer = await middleware.call(own, 'tables_delete_rows', { table, ...filter, expected_rows: Math.max(1, meant.length) });
        expect(answer.status).toBe(meant.length > 0 ? 200 : 409);
        expect(await numbers(own)).toEqual(all.filter((number) => !meant.includes(number)));
        if (meant.length > 0) deletions += 1;
      }),
      { seed, numRuns: 80 },
    );
    expect(deletions).toBeGreaterThan(30);
  });
});
