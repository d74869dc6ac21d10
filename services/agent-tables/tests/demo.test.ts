import { readStream } from '@rubot/testkit/agent-contract/harness';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type DemoTenant, type Row, startDemoTenant } from './_demo-tenant.ts';

let tenant: DemoTenant;
beforeAll(async () => {
  tenant = await startDemoTenant();
});
afterAll(() => tenant.stop());

/** @param texts the person's messages, of which the last is asked now */
async function ask(...texts: string[]): Promise<string> {
  const messages = texts.flatMap((content) => [
    { role: 'user', content },
    { role: 'assistant', content: 'As you say.' },
  ]);
  const response = await tenant.complete({ messages: messages.slice(0, -1) });
  const body = (await response.json()) as { choices: [{ message: { content: string } }] };
  return body.choices[0].message.content;
}

/** What the lines of a list begin with. */
function linesOf(answer: string): readonly string[] {
  return [...answer.matchAll(/^- (.+?): (?:sku|count) /gm)].map((found) => found[1] ?? '');
}

function namesWhere(fits: (product: Row) => boolean): readonly string[] {
  return tenant.products.filter(fits).map((product) => product['name'] ?? '');
}

function orderNumbers(orders: readonly Row[]): readonly string[] {
  return orders.map((order) => order['order_number'] ?? '');
}

function sortedBy(rows: readonly Row[], column: string, direction: 1 | -1): readonly Row[] {
  return [...rows].sort((left, right) => direction * (Number(left[column]) - Number(right[column])));
}

function isBelowReorderLevel(product: Row): boolean {
  return Number(product['quantity_on_hand']) < Number(product['reorder_level']);
}

const BELOW_REORDER_LEVEL = 'Which products are below their reorder level?';

describe('with no model configured', () => {
  it('streams an answer that names its model', async () => {
    const response = await tenant.complete({ messages: [{ role: 'user', content: BELOW_REORDER_LEVEL }], stream: true });
    const { text, chunks, isDone } = await readStream(response);
    expect(linesOf(text)).toEqual(namesWhere(isBelowReorderLevel));
    expect(text).toMatch(/\(demo model\)$/);
    expect(isDone).toBe(true);
    expect(chunks.every((chunk) => chunk.model === 'demo/scripted')).toBe(true);
  });

  it.each<[string, (orders: readonly Row[]) => readonly Row[]]>([
    ['show me the latest 3 orders', (orders) => [...orders].reverse().slice(0, 3)],
    ['show the first 2 orders', (orders) => orders.slice(0, 2)],
    ['which orders are still open?', (orders) => orders.filter((order) => order['status'] === 'open')],
    [
      'orders from Kiosk Nord after 2026-10-20',
      (orders) => orders.filter((order) => order['customer'] === 'Kiosk Nord' && (order['ordered_on'] ?? '') > '2026-10-20'),
    ],
    [
      'orders between 2026-10-01 and 2026-10-10',
      (orders) => orders.filter(({ ordered_on: day = '' }) => day >= '2026-10-01' && day <= '2026-10-10'),
    ],
  ])('answers "%s" with those and no others', async (question, choose) => {
    const expected = orderNumbers(choose(tenant.orders));
    expect(expected.length).toBeGreaterThan(1);
    expect(linesOf(await ask(question))).toEqual(expected);
  });

  it.each<[string, (products: readonly Row[]) => readonly Row[]]>([
    ['cheapest 3 products', (products) => sortedBy(products, 'unit_price', 1).slice(0, 3)],
    ['top 5 products by unit price', (products) => sortedBy(products, 'unit_price', -1).slice(0, 5)],
    ['products from Harbour Tea Trading', (products) => products.filter(({ supplier }) => supplier === 'Harbour Tea Trading')],
    ['tea products', (products) => products.filter(({ category }) => category === 'Tea')],
    ['products cheaper than 5', (products) => products.filter((product) => Number(product['unit_price']) < 5)],
    ['products with less than 10 in stock', (products) => products.filter((product) => Number(product['quantity_on_hand']) < 10)],
  ])('answers "%s" with those and no others', async (question, choose) => {
    const expected = choose(tenant.products).map(({ name = '' }) => name);
    expect(expected.length).toBeGreaterThan(1);
    expect(linesOf(await ask(question))).toEqual(expected);
  });

  it('finds the table by the values that a question names', async () => {
    const price = tenant.products.find(({ name }) => name === 'Acacia Honey 500 g')?.['unit_price'];
    expect(await ask('what is the price of Acacia Honey?')).toContain(`Acacia Honey 500 g: sku SWE-HON-500, unit price ${Number(price)}\n`);
  });

  it.each(['orders by status', 'how many orders per status?'])('groups for "%s"', async (question) => {
    const answer = await ask(question);
    const statuses = new Set(tenant.orders.map(({ status = '' }) => status));
    expect(linesOf(`${answer} `.replace(/count (\d+)/g, 'count $1 '))).toEqual([...statuses].sort());
    const open = tenant.orders.filter(({ status }) => status === 'open');
    expect(answer).toContain(`- open: count ${open.length}\n`);
  });

  it('says what it cannot do instead of answering something else', async () => {
    expect(await ask('count of orders by month')).toMatch(/^I did not understand "month" in "count of orders by month"/);
  });

  it('goes on from the question before', async () => {
    const expected = sortedBy(tenant.products.filter(isBelowReorderLevel), 'unit_price', 1).map(({ name }) => name);
    expect(linesOf(await ask(BELOW_REORDER_LEVEL, 'sort them by price'))).toEqual(expected);
    expect(await ask('sort them by price')).toContain('fits the tables orders and products');
  });

  it.each([
    (question: string) => question,
    (question: string) => JSON.stringify({ task: 'slice', note: '', part: question, earlier_answers: [] }),
  ])('answers the part that it understands, and names the other', async (wrap) => {
    const answer = await ask(wrap(`${BELOW_REORDER_LEVEL} And how many days between 2026-01-01 and 2026-03-01?`));
    expect(linesOf(answer)).toEqual(namesWhere(isBelowReorderLevel));
    expect(answer).toContain('I cannot answer "how many days between 2026-01-01 and 2026-03-01?"');
  });
});

describe('with no model configured, asked for JSON', () => {
  async function askFor(question: string, properties: Record<string, unknown>) {
    const schema = { type: 'object', properties, required: Object.keys(properties), additionalProperties: false };
    const response = await tenant.complete({
      messages: [{ role: 'user', content: question }],
      response_format: { type: 'json_schema', json_schema: { name: 'answer', strict: true, schema } },
    });
    const body = (await response.json()) as { choices?: [{ message: { content: string } }]; error?: { param: string } };
    return { status: response.status, param: body.error?.param, value: JSON.parse(body.choices?.[0].message.content ?? 'null') };
  }

  it('fills what the tables say into the shape', async () => {
    expect((await askFor('how many products?', { count: { type: 'integer' } })).value).toEqual({ count: tenant.products.length });
    const item = { type: 'object', properties: { name: { type: 'string' }, quantityOnHand: { type: 'integer' } }, required: ['name'] };
    const expected = tenant.products
      .filter(isBelowReorderLevel)
      .map((product) => ({ name: product['name'], quantityOnHand: Number(product['quantity_on_hand']) }));
    expect((await askFor(BELOW_REORDER_LEVEL, { products: { type: 'array', items: item } })).value).toEqual({ products: expected });
    expect((await askFor('what is the supplier of Acacia Honey?', { supplier: { type: 'string' } })).value).toEqual({
      supplier: 'Meadow Apiary',
    });
  });

  it.each([
    ['how many purple products?', { count: { type: 'integer' } }],
    ['average unit price of products', { count: { type: 'integer' } }],
    ['how many products? how many orders?', { count: { type: 'integer' } }],
    ['how many products?', { count: { type: 'integer' }, orders: { type: 'integer' } }],
    ['how many products?', { count: { type: 'integer', maximum: 3 } }],
    [BELOW_REORDER_LEVEL, { products: { type: 'array', items: { type: 'string' } } }],
    [BELOW_REORDER_LEVEL, { count: { type: 'integer' } }],
  ])('refuses "%s" in a shape that it cannot fill truly: %j', async (question, properties) => {
    expect(await askFor(question, properties)).toMatchObject({ status: 400, param: 'response_format' });
  });
});
