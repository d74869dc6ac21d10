import { MAX_TOOL_RESULT_CHARACTERS } from '@rubot/contracts/data';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Holder, type MiddlewareHarness, startMiddleware, type ToolAnswer } from './_harness.ts';

let middleware: MiddlewareHarness;
let holder: Holder;

beforeAll(async () => {
  middleware = await startMiddleware({ MAX_BODY_BYTES: '4194304' });
  holder = await middleware.newTenant();
});
afterAll(() => middleware.stop());

function create(name: string, csv: string): Promise<ToolAnswer> {
  return middleware.call(holder, 'tables_create_from_csv', { name, csv });
}

function expectRefusal(answer: ToolAnswer, hint: string | RegExp): void {
  expect(answer).toMatchObject({ status: 400, error: { code: 'invalid_request' } });
  expect(answer.error?.message).toMatch(hint);
}

function repeat<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index));
}

describe('a table', () => {
  it('takes as many rows as it may hold, in order, and counts over all of them', async () => {
    const created = await create('largest', `n,label\n${repeat(50_000, (index) => `${index},row ${index}`).join('\n')}\n`);
    expect(created.result).toMatchObject({ row_count: 50_000 });
    const totals = await middleware.call(holder, 'tables_query', {
      table: 'largest',
      aggregates: [{ function: 'count' }, { function: 'sum', column: 'n' }, { function: 'count_distinct', column: 'label' }],
    });
    expect(totals.result.rows).toEqual([{ count: 50_000, sum_n: 1_249_975_000, count_distinct_label: 50_000 }]);
    const last = await middleware.call(holder, 'tables_query', { table: 'largest', offset: 49_999 });
    expect(last.result).toMatchObject({ rows: [{ n: 49_999, label: 'row 49999' }], has_more: false });
    const one = await middleware.call(holder, 'tables_insert', { table: 'largest', rows: [{ n: 1 }] });
    expect(one).toMatchObject({ status: 409, error: { code: 'conflict', message: expect.stringContaining('Create another table') } });
  });

  it('takes text of three bytes a letter up to the limit of a CSV', async () => {
    const line = `${'价'.repeat(3_000)}\n`;
    const created = await create('wide_letters', `text\n${line.repeat(299)}`);
    expect(created.result).toMatchObject({ row_count: 299 });
  });

  it('takes as many columns as it may have, and a query over all of them', async () => {
    const names = repeat(64, (index) => `c${index}`);
    expect((await create('widest', `${names.join()}\n${names.join()}\n`)).result.columns).toHaveLength(64);
    const { result } = await middleware.call(holder, 'tables_query', {
      table: 'widest',
      columns: names,
      where: repeat(20, (index) => ({ column: `c${index}`, operator: 'eq', value: `c${index}` })),
      order_by: repeat(5, (index) => ({ column: `c${index}` })),
    });
    expect(result.rows).toEqual([Object.fromEntries(names.map((name) => [name, name]))]);
  });

  it('refuses more, and says how to go on', async () => {
    expectRefusal(await create('too_wide', repeat(65, (index) => `c${index}`).join()), /65 columns.*at most 64/);
    expectRefusal(await create('too_long', `n\n${'1\n'.repeat(50_001)}`), /more than 50000 rows.*Split/);
    expectRefusal(await create('too_large', `n\n${'1'.repeat(900_000)}`), /900000 characters; split it/);
    expectRefusal(await create('long_cell', `a,b\n1,2\n3,${'x'.repeat(4_001)}\n`), /^row 2: the value of b is longer than 4000/);
    expectRefusal(
      await create('long_row', `${repeat(5, (index) => `c${index}`).join()}\n${repeat(5, () => 'x'.repeat(3_900)).join()}\n`),
      /^row 1 is too long/,
    );
    expectRefusal(await create('!!!', 'a\n1\n'), /1 to 64 letters or digits/);
    expectRefusal(await create('x'.repeat(65), 'a\n1\n'), /1 to 64 letters or digits/);
    expectRefusal(await create('blank', '\n \n'), /empty.*first line/);
    expectRefusal(await create('ragged', 'a,b\n1,2\n1,2,3\n'), /^row 2 of the CSV has 3 cells/);
    expectRefusal(await create('quotes', 'a,b\n1,"2\n'), /quote that does not fit/);
    const { result } = await middleware.call(holder, 'tables_list', {});
    expect(result.tables.map((table: { name: string }) => table.name)).toEqual(['largest', 'wide_letters', 'widest']);
  });

  it('is one of a hundred at most', async () => {
    const collector = await middleware.newTenant();
    const statuses = [];
    for (let index = 0; index < 101; index += 1) {
      statuses.push((await middleware.call(collector, 'tables_create_from_csv', { name: `t${index}`, csv: 'a\n' })).status);
    }
    expect(statuses).toEqual([...repeat(100, () => 200), 409]);
  });

  it('is one of a hundred at most, also when many are created at once', async () => {
    const collector = await middleware.newTenant();
    for (let index = 0; index < 95; index += 1)
      await middleware.call(collector, 'tables_create_from_csv', { name: `t${index}`, csv: 'a\n' });
    const answers = await Promise.all(
      repeat(25, (index) => middleware.call(collector, 'tables_create_from_csv', { name: `late${index}`, csv: 'a\n1\n' })),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([...repeat(5, () => 200), ...repeat(20, () => 409)]);
    for (const { error } of answers) if (error !== undefined) expect(error.message).toMatch(/100 tables.*the most there can be/);
    expect((await middleware.call(collector, 'tables_list', {})).result.tables).toHaveLength(100);
  });
});

describe('tables_list', () => {
  it('can be read at once whatever there is: of too many columns, it says how many it leaves out', async () => {
    const collector = await middleware.newTenant();
    const column = (index: number) => `c${index}_`.padEnd(64, 'x');
    const csvOf = (columnCount: number) => `${repeat(columnCount, column).join()}\n`;
    const wide = repeat(40, (index) => `wide_${index}`.padEnd(64, 'x'));
    for (const name of wide) await middleware.call(collector, 'tables_create_from_csv', { name, csv: csvOf(64) });
    await middleware.call(collector, 'tables_create_from_csv', { name: 'narrow', csv: csvOf(2) });

    const { result } = await middleware.call(collector, 'tables_list', {});
    expect(JSON.stringify(result).length).toBeLessThanOrEqual(MAX_TOOL_RESULT_CHARACTERS);
    const [narrow, ...others] = result.tables;
    expect(narrow).toEqual({ name: 'narrow', row_count: 0, columns: repeat(2, column) });
    expect(others.map((table: { name: string }) => table.name).sort()).toEqual([...wide].sort());
    for (const { columns, more_columns } of others) {
      expect(columns).toEqual(repeat(columns.length, column));
      expect(columns.length).toBeGreaterThan(30);
      expect(columns.length + more_columns).toBe(64);
    }
  });
});

describe('tables_insert', () => {
  beforeAll(async () => {
    await create('typed', 'name,count,open,day\nbolt,1,true,2026-01-01\n');
  });

  it('takes 500 rows and values in every spelling that is plain', async () => {
    const rows = repeat(500, (index) => ({ Name: `n${index}`, count: String(index), OPEN: 'FALSE', day: '2026-02-28 12:00' }));
    expect((await middleware.call(holder, 'tables_insert', { table: 'typed', rows })).result).toEqual({ table: 'typed', inserted: 500 });
    const { result } = await middleware.call(holder, 'tables_query', {
      table: 'typed',
      where: [{ column: 'count', operator: 'eq', value: 499 }],
    });
    expect(result.rows).toEqual([{ name: 'n499', count: 499, open: false, day: '2026-02-28T12:00:00Z' }]);
  });

  it.each([
    ['501 rows', repeat(501, () => ({ name: 'x' })), /500/],
    ['no rows', [], /1/],
    ['an empty row', [{}], /rows\[0\] is empty/],
    [
      'a column that is not there',
      [{ name: 'x' }, { colour: 'red' }],
      /rows\[1\] names.*name \(text\), count \(number\), open \(boolean\), day \(date\)/,
    ],
    ['a column twice', [{ name: 'x', NAME: 'y' }], /rows\[0\] names name twice/],
    ['text for a number', [{ count: '12 pieces' }], /rows\[0\]: the value of count is not a number.*without units/],
    ['a number for a boolean', [{ open: 1 }], /not a boolean.*true or false/],
    ['a day that is not', [{ day: '2026-02-30' }], /not a date.*ISO 8601/],
    ['a list for a cell', [{ name: ['x'] }], /name/],
  ])('refuses %s', async (_name, rows, hint) => {
    expectRefusal(await middleware.call(holder, 'tables_insert', { table: 'typed', rows }), hint);
  });
});

describe('tables_query', () => {
  it.each([
    ['a column that is not there', { columns: ['colour'] }, /name \(text\), count \(number\)/],
    ['an operator that is not there', { where: [{ column: 'name', operator: 'like', value: 'x' }] }, /contains/],
    ['text beside a number', { where: [{ column: 'count', operator: 'lt', value: 'many' }] }, /count is a number column. Send a number/],
    ['columns of two types', { where: [{ column: 'count', operator: 'lt', other_column: 'name' }] }, /only columns of one type/],
    [
      'a value and a column',
      { where: [{ column: 'count', operator: 'lt', value: 1, other_column: 'count' }] },
      /either value or other_column/,
    ],
    ['no value', { where: [{ column: 'name', operator: 'eq' }] }, /is_empty/],
    ['a search in numbers', { where: [{ column: 'count', operator: 'contains', value: '1' }] }, /works on text and date columns/],
    ['in without a list', { where: [{ column: 'count', operator: 'in', value: 1 }] }, /needs a list/],
    ['the sum of a text', { aggregates: [{ function: 'sum', column: 'name' }] }, /sum works on a number column/],
    ['the sum of nothing', { aggregates: [{ function: 'sum' }] }, /sum needs a column/],
    ['two aggregates of one name', { aggregates: [{ function: 'count' }, { function: 'count' }] }, /same name/],
    ['a column that is not grouped', { columns: ['name'], group_by: ['open'] }, /Leave columns out/],
    [
      'an order by what is not in the groups',
      { group_by: ['open'], order_by: [{ column: 'name' }] },
      /ordered by one of its own columns: open/,
    ],
    ['201 rows', { limit: 201 }, /200/],
    ['a page before the first', { offset: -1 }, /0/],
    ['21 conditions', { where: repeat(21, () => ({ column: 'name', operator: 'is_empty' })) }, /20/],
  ])('refuses %s, and says what may stand there', async (_name, input, hint) => {
    expectRefusal(await middleware.call(holder, 'tables_query', { table: 'typed', ...input }), hint);
  });

  it('refuses a result that nobody could read at once', async () => {
    await create('long_texts', `text\n${repeat(60, () => 'x'.repeat(3_000)).join('\n')}\n`);
    expectRefusal(await middleware.call(holder, 'tables_query', { table: 'long_texts' }), /fewer columns, set a smaller limit/);
    expect((await middleware.call(holder, 'tables_query', { table: 'long_texts', limit: 30 })).status).toBe(200);
  });

  it('names the tables there are', async () => {
    const answer = await middleware.call(holder, 'tables_query', { table: 'type' });
    expect(answer).toMatchObject({ status: 404, error: { param: 'table', message: expect.stringContaining('typed') } });
    const empty = await middleware.call(await middleware.newTenant(), 'tables_query', { table: 'typed' });
    expect(empty.error?.message).toContain('tables_create_from_csv');
  });

  it('sums what no integer holds', async () => {
    await create('huge', `n\n${'9007199254740991\n'.repeat(2_000)}`);
    const { result } = await middleware.call(holder, 'tables_query', { table: 'huge', aggregates: [{ function: 'sum', column: 'n' }] });
    expect(result.rows[0].sum_n).toBeCloseTo(1.8e19, -17);
  });

  it.each([
    ['sum', 'above', '1e308\n1e308'],
    ['sum', 'below', '-1e308\n-1e308'],
    ['sum', 'both_ways', '1e308\n1e308\n-1e308\n-1e308\n-1e308\n-1e308'],
    ['avg', 'on_average', '1e308\n1e308'],
  ])('refuses a %s that no number holds, and does not take it for an empty one: %s', async (aggregate, table, cells) => {
    await create(table, `n,label\n${cells.replaceAll('\n', ',a\n')},a\n,b\n`);
    const input = { table, group_by: ['label'], aggregates: [{ function: aggregate, column: 'n', as: 'total' }] };
    expectRefusal(await middleware.call(holder, 'tables_query', input), /total is larger than a number can be.*where/);
    const where = [{ column: 'label', operator: 'eq', value: 'b' }];
    expect((await middleware.call(holder, 'tables_query', { ...input, where })).result.rows).toEqual([{ label: 'b', total: null }]);
  });
});
