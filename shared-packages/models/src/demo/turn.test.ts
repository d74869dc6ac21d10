import type { LanguageModelV4CallOptions, LanguageModelV4FunctionTool, LanguageModelV4Message } from '@ai-sdk/provider';
import { describe, expect, it } from 'vitest';
import { createDemoModel } from './demo-model.ts';
import { toPlannerPrompt } from './planner-prompt.ts';
import type { DemoToolCall } from './tool-bench.ts';
import { DEMO_NOTE, takeTurn } from './turn.ts';

function defineTool(name: string, properties: Record<string, unknown> = {}, required: string[] = []): LanguageModelV4FunctionTool {
  return { type: 'function', name, inputSchema: { type: 'object', properties, required } as LanguageModelV4FunctionTool['inputSchema'] };
}

const QUERY_TOOL = defineTool('tables_query', {
  table: { type: 'string' },
  where: {
    type: 'array',
    items: { type: 'object', properties: { operator: { type: 'string', enum: ['=', '!=', '<', '<=', '>', '>=', 'contains'] } } },
  },
  aggregates: {
    type: 'array',
    items: { type: 'object', properties: { function: { type: 'string', enum: ['count', 'sum', 'avg', 'min', 'max'] } } },
  },
  order_by: { type: 'array', items: { type: 'object', properties: { direction: { enum: ['asc', 'desc'] } } } },
});
const TABLE_TOOLS = [defineTool('tables_list'), defineTool('tables_describe'), QUERY_TOOL];

const COLUMNS: Record<string, Record<string, string>> = {
  products: { sku: 'text', name: 'text', category: 'text', unit_price: 'number', stock: 'number', reorder_level: 'number' },
  orders: { id: 'number', customer: 'text', product_sku: 'text', quantity: 'number', ordered_on: 'date', status: 'text' },
};

function user(text: string): LanguageModelV4Message {
  return { role: 'user', content: [{ type: 'text', text }] };
}

function answered(calls: readonly DemoToolCall[], toValue: (call: DemoToolCall) => unknown): LanguageModelV4Message[] {
  return [
    { role: 'assistant', content: calls.map((call) => ({ type: 'tool-call', ...call })) },
    {
      role: 'tool',
      content: calls.map(({ toolCallId, toolName }, index) => ({
        type: 'tool-result',
        toolCallId,
        toolName,
        output: { type: 'text', value: JSON.stringify(toValue(calls[index] as DemoToolCall)) },
      })),
    },
  ];
}

function answerTableTool(call: DemoToolCall, rows: readonly unknown[]): unknown {
  if (call.toolName === 'tables_list')
    return { tables: Object.entries(COLUMNS).map(([name, columns]) => ({ name, columns: Object.keys(columns) })) };
  if (call.toolName === 'tables_query') return { rows };
  const { table } = call.input as { table: string };
  return { columns: Object.entries(COLUMNS[table] ?? {}).map(([name, type]) => ({ name, type })) };
}

interface Told {
  readonly text: string;
  readonly query: unknown;
  readonly called: readonly string[];
}

/** Lets the model go on until it speaks, as an agent does. */
function ask(question: string, rows: readonly unknown[] = [], before: LanguageModelV4Message[] = []): Told {
  const prompt = [...before, user(question)];
  const called: DemoToolCall[] = [];
  for (let step = 0; step < 6; step += 1) {
    const turn = takeTurn({ prompt, tools: TABLE_TOOLS });
    if ('text' in turn) {
      return {
        text: turn.text,
        query: called.findLast((call) => call.toolName === 'tables_query')?.input,
        called: called.map((call) => call.toolName),
      };
    }
    called.push(...turn.calls);
    prompt.push(...answered(turn.calls, (call) => answerTableTool(call, rows)));
  }
  throw new Error('the model never came to an answer');
}

describe('the demo model over tables', () => {
  it('lists, describes, queries and answers from the rows', () => {
    const rows = [
      { name: 'Copper wire', sku: 'CW-1', stock: 3, reorder_level: 10 },
      { name: 'Hex bolt', sku: 'HX-2', stock: 40, reorder_level: 200 },
    ];
    const told = ask('Which products are below their reorder level?', rows);
    expect(told.called).toEqual(['tables_list', 'tables_describe', 'tables_query']);
    expect(told.query).toEqual({
      table: 'products',
      columns: ['name', 'sku', 'reorder_level', 'stock'],
      where: [{ column: 'stock', operator: '<', other_column: 'reorder_level' }],
      limit: 50,
    });
    expect(told.text).toBe(
      `2 products with stock below reorder level:\n- Copper wire: sku CW-1, stock 3, reorder level 10\n- Hex bolt: sku HX-2, stock 40, reorder level 200\n\n${DEMO_NOTE}`,
    );
  });

  it.each<[string, Record<string, unknown>]>([
    ['which products have a stock under 20?', { table: 'products', where: [{ column: 'stock', operator: '<', value: 20 }] }],
    ['products whose stock is at most 1,500', { where: [{ column: 'stock', operator: '<=', value: 1500 }] }],
    ['products that cost more than $9.50', { where: [{ column: 'unit_price', operator: '>', value: 9.5 }] }],
    ['show orders after 2026-01-31', { table: 'orders', where: [{ column: 'ordered_on', operator: '>', value: '2026-01-31' }] }],
    ['orders where status = "open"', { table: 'orders', where: [{ column: 'status', operator: '=', value: 'open' }] }],
    ['how many orders are there in total?', { table: 'orders', aggregates: [{ function: 'count' }] }],
    [
      'how many products are below their reorder level',
      { aggregates: [{ function: 'count' }], where: [{ column: 'stock', operator: '<', other_column: 'reorder_level' }] },
    ],
    ['what is the total quantity of orders?', { table: 'orders', aggregates: [{ function: 'sum', column: 'quantity' }] }],
    ['average unit price of products per category', { aggregates: [{ function: 'avg', column: 'unit_price' }], group_by: ['category'] }],
    ['list products ordered by stock descending', { order_by: [{ column: 'stock', direction: 'desc' }], limit: 50 }],
    ['top 3 products by unit price', { order_by: [{ column: 'unit_price', direction: 'desc' }], limit: 3 }],
    ['which product has the lowest stock', { order_by: [{ column: 'stock', direction: 'asc' }], limit: 1 }],
    ['list all products', { table: 'products', columns: ['name', 'sku', 'category', 'unit_price', 'stock', 'reorder_level'] }],
    ['show the order 1007', { table: 'orders', where: [{ column: 'id', operator: '=', value: 1007 }] }],
  ])('understands "%s"', (question, query) => {
    expect(ask(question).query).toMatchObject(query);
  });

  it.each<[string, unknown[]]>([
    ['which orders are still open?', [{ column: 'status', operator: '=', value: 'open' }]],
    ['how many orders did Harbour Hostel place?', [{ column: 'customer', operator: '=', value: 'Harbour Hostel' }]],
    [
      'list open orders of harbour hostel',
      [
        { column: 'customer', value: 'Harbour Hostel' },
        { column: 'status', value: 'open' },
      ],
    ],
    ['orders of the hostel', [{ column: 'customer', operator: 'contains', value: 'Hostel' }]],
    [
      'open orders after 2026-01-31',
      [
        { column: 'ordered_on', operator: '>' },
        { column: 'status', value: 'open' },
      ],
    ],
  ])('looks up which values there are to understand "%s"', (question, where) => {
    const told = ask(question, [{ count: 8, customer: 'Harbour Hostel', status: 'open' }]);
    expect(told.query).toMatchObject({ table: 'orders', where });
    expect(told.called.filter((name) => name === 'tables_query').length).toBe(4);
  });

  it.each([
    ['list purple orders', '"purple"'],
    ['count of orders by month', '"month"'],
    ['orders that are not open', '"not"'],
    ['orders != open', '"!="'],
    ['open or shipped orders', '"or shipped"'],
    ['products with stock over 20 %', '"over 20 %"'],
    ['top 5 products', '"top"'],
    ['products under 10', '"under 10"'],
    ['orders in October 2026', '"October 2026"'],
    ['how many products are there per supplier?', '"per supplier"'],
    ['多少 orders', '"多少"'],
  ])('asks nothing of the data and names what it did not understand in "%s"', (question, words) => {
    const told = ask(question, [{ count: 8, customer: 'Harbour Hostel', status: 'open' }]);
    expect(told.text).toContain(`I did not understand ${words} in "${question}"`);
    expect(told.called.filter((name) => name === 'tables_query').length).toBe(3);
  });

  it('takes the longest value first, and its words for nothing else', () => {
    const values = [{ category: 'Tea', name: 'Harbour Tea Trading', sku: 'T-1' }];
    expect(ask('products from Harbour Tea Trading', values).query).toMatchObject({
      where: [{ column: 'name', operator: '=', value: 'Harbour Tea Trading' }],
    });
  });

  it('leaves a question alone that names what it is about', () => {
    expect(ask('and how many orders?', [], [user('how many products are below their reorder level?')]).query).toEqual({
      table: 'orders',
      aggregates: [{ function: 'count' }],
      limit: 50,
    });
  });

  it('speaks of one table, and says so where a question names two', () => {
    expect(ask('How many products and orders do we have?').text).toContain('speaks of the tables products and orders');
    expect(ask('list customers', [], []).query).toMatchObject({ table: 'orders' });
  });

  it.each([
    [
      'which products are below their reorder level?',
      'sort them by unit price',
      { order_by: [{ column: 'unit_price', direction: 'asc' }] },
    ],
    ['how many products are below their reorder level?', 'list them', { columns: expect.arrayContaining(['name']) }],
  ])('reads "%s" and then "%s" together', (before, question, query) => {
    expect(ask(question, [], [user(before)]).query).toMatchObject({
      ...query,
      where: [{ column: 'stock', other_column: 'reorder_level' }],
    });
  });

  it.each(['add a product', 'delete the order 1007'])('refuses to change anything where it has no tool for it: %s', (request) => {
    expect(ask(request).text).toContain('I only read');
  });

  it('spells operators as the schema of the tool does', () => {
    const described = answered(
      [
        { toolCallId: 'a', toolName: 'tables_list', input: {} },
        ...Object.keys(COLUMNS).map((table, index) => ({ toolCallId: `b${index}`, toolName: 'tables_describe', input: { table } })),
      ],
      (call) => answerTableTool(call, []),
    );
    const tool = defineTool('tables_query', {
      where: { type: 'array', items: { anyOf: [{ type: 'object', properties: { operator: { enum: ['less_than', 'equals'] } } }] } },
    });
    const turn = takeTurn({ prompt: [user('products with stock below 5'), ...described], tools: [tool] });
    expect('calls' in turn && turn.calls[0]?.input).toMatchObject({ where: [{ operator: 'less_than' }] });
  });

  it('does not look up again what the conversation already holds', () => {
    const first = ask('how many orders are there?');
    const history = [
      user('how many orders?'),
      ...answered([{ toolCallId: 'a', toolName: 'tables_list', input: {} }], (call) => answerTableTool(call, [])),
    ];
    expect(first.called).toContain('tables_list');
    expect(ask('and how many products?', [], history).called).not.toContain('tables_list');
  });

  it.each([
    ['no rows', 'products with stock below 1', [], 'No products with stock below 1 were found.'],
    ['a count', 'how many orders?', [{ count: 12 }], '12 orders.'],
    ['a sum', 'total quantity of orders', [{ sum_quantity: 33.333333 }], 'Over orders, sum quantity is 33.33.'],
    ['groups', 'average stock of products per category', [{ category: 'Bolts', avg_stock: 2 }], 'Over products:\n- Bolts: avg stock 2'],
  ])('puts %s into words', (_name, question, rows, text) => {
    expect(ask(question, rows).text).toBe(`${text}\n\n${DEMO_NOTE}`);
  });

  it('says what it knows when nothing fits, and what failed when a tool failed', () => {
    expect(ask('what is the weather on Mars').text).toContain('There are these tables: products, orders');
    const failure: LanguageModelV4Message[] = [
      user('list all products'),
      { role: 'assistant', content: [{ type: 'tool-call', toolCallId: 'a', toolName: 'tables_list', input: {} }] },
      {
        role: 'tool',
        content: [
          { type: 'tool-result', toolCallId: 'a', toolName: 'tables_list', output: { type: 'text', value: 'Error: no such tenant' } },
        ],
      },
    ];
    expect(takeTurn({ prompt: failure, tools: TABLE_TOOLS })).toEqual({ text: `I could not look that up: no such tenant\n\n${DEMO_NOTE}` });
  });

  it('answers its part of a question that several agents share', () => {
    const brief = {
      task: 'slice',
      note: 'n',
      part: 'how many orders are there?',
      earlier_answers: [{ agent: 'Other', answer: 'forty two' }],
    };
    const told = ask(JSON.stringify(brief), [{ count: 2 }]);
    expect(told.query).toMatchObject({ table: 'orders' });
    expect(told.text).toContain('- Other: forty two');
  });
});

describe('the demo model asked to delete', () => {
  const tools = [...TABLE_TOOLS, { ...QUERY_TOOL, name: 'tables_delete_rows' }];
  const rows = [{ id: 1007, customer: 'Harbour Hostel' }];

  /** Goes on until the tool is called that deletes, or it speaks. */
  function request(text: string, found: readonly unknown[] = rows, more: object = {}) {
    const prompt = [user(text)];
    for (let step = 0; step < 6; step += 1) {
      const turn = takeTurn({ prompt, tools });
      if ('text' in turn) return { text: turn.text, deletion: undefined, prompt };
      const deletion = turn.calls.find((call) => call.toolName === 'tables_delete_rows');
      if (deletion !== undefined) return { text: turn.said ?? '', deletion, prompt };
      prompt.push(...answered(turn.calls, (call) => ({ ...(answerTableTool(call, found) as object), ...more })));
    }
    throw new Error('the model never came to an answer');
  }

  it.each([
    ['Delete the order 1007', [{ column: 'id', operator: '=', value: 1007 }]],
    ['please remove order no 1007.', [{ column: 'id', operator: '=', value: 1007 }]],
    ['delete orders of "Harbour Hostel"', [{ column: 'customer', operator: '=', value: 'Harbour Hostel' }]],
    ['Could you delete the orders before 2026-01-31?', [{ column: 'ordered_on', operator: '<', value: '2026-01-31' }]],
  ])('looks first, says what it is going to delete, and expects as much: %s', (text, where) => {
    const { deletion, text: said } = request(text);
    expect(deletion?.input).toEqual({ table: 'orders', where, expected_rows: 1 });
    expect(said).toMatch(/^I am going to delete:\n\nOne row of orders with [\s\S]+Harbour Hostel/);
  });

  it.each([
    ['delete all orders', rows, 'I delete rows by what they hold'],
    ['delete the latest 3 orders before 2026-01-31', rows, 'I delete rows by what they hold'],
    ['delete the purple orders', rows, 'I did not understand "purple"'],
    ['delete the order 1007', [], 'No orders with id 1007 were found'],
  ])('deletes nothing where it is not clear what: %s', (text, found, told) => {
    const { deletion, text: said } = request(text, found);
    expect(deletion).toBeUndefined();
    expect(said).toContain(told);
  });

  it('deletes nothing where it has not seen all of it, or may not say it in words', () => {
    expect(request('delete the order 1007', rows, { has_more: true })).toMatchObject({
      deletion: undefined,
      text: expect.stringContaining('More than 50 rows fit that'),
    });
    const { prompt } = request('delete the order 1007');
    const asJson = () =>
      takeTurn({ prompt, tools, responseFormat: { type: 'json', schema: { type: 'object', properties: { count: {} } } } });
    expect(asJson).toThrow('The demo model has no answer');
  });

  it('takes a number for the end of a name only where one name ends like that', () => {
    const values = (...names: string[]) => names.map((name) => ({ name, count: 1 }));
    expect(request('delete product 7', values('Bolt 7', 'Bolt 8')).deletion?.input).toMatchObject({
      where: [{ column: 'name', operator: '=', value: 'Bolt 7' }],
    });
    expect(request('delete product 7', values('Bolt 7', 'Nut 7')).text).toContain('I did not understand "7"');
  });

  it.each([
    ['{"table":"orders","deleted":1}', 'Deleted: 1 of orders.'],
    [
      'A person rejected this call. It was not run. They said: Not that one.',
      'I deleted nothing. A person rejected this call. It was not run. They said: Not that one.',
    ],
    ['Error: The conditions do not fit 1 rows.', 'I deleted nothing: The conditions do not fit 1 rows.'],
  ])('says what came of it: %s', (value, told) => {
    const { deletion, prompt } = request('Delete the order 1007');
    const call = deletion as DemoToolCall;
    const result = { type: 'tool-result', toolCallId: call.toolCallId, toolName: call.toolName, output: { type: 'text', value } } as const;
    prompt.push({ role: 'assistant', content: [{ type: 'tool-call', ...call }] }, { role: 'tool', content: [result] });
    expect(takeTurn({ prompt, tools })).toEqual({ text: `${told}\n\n${DEMO_NOTE}` });
  });

  it('streams what it says before the call that it says it of', async () => {
    const { prompt } = request('Delete the order 1007');
    const { stream } = await createDemoModel().doStream({ prompt, tools });
    const types: string[] = [];
    for await (const part of stream) if (types.at(-1) !== part.type) types.push(part.type);
    expect(types).toEqual(['stream-start', 'text-start', 'text-delta', 'text-end', 'tool-call', 'finish']);
    const { content } = await createDemoModel().doGenerate({ prompt, tools });
    expect(content.map(({ type }) => type)).toEqual(['text', 'tool-call']);
  });
});

describe('the demo model with tools of the client', () => {
  const weather = defineTool(
    'get_weather',
    { city: { type: 'string' }, days: { type: 'integer' }, unit: { enum: ['celsius', 'fahrenheit'] } },
    ['city'],
  );
  const prompt = [user('What is the weather in Paris for 3 days in celsius?')];

  it('calls the one whose name the question shares, and answers from its result', () => {
    const turn = takeTurn({ prompt, tools: [defineTool('send_mail'), weather] });
    expect(turn).toEqual({
      calls: [{ toolCallId: 'call_demo_0', toolName: 'get_weather', input: { city: 'Paris', days: 3, unit: 'celsius' } }],
    });
    const next = takeTurn({
      prompt: [...prompt, ...answered('calls' in turn ? turn.calls : [], () => ({ degrees: 21 }))],
      tools: [weather],
    });
    expect(next).toEqual({ text: `The tool "get weather" answered: {"degrees":21}\n\n${DEMO_NOTE}` });
  });

  it('answers from its result also where the agent has tables', () => {
    const calls = [{ toolCallId: 'c', toolName: 'get_weather', input: { city: 'Paris' } }];
    const turn = takeTurn({ prompt: [...prompt, ...answered(calls, () => 'sunny')], tools: [weather, ...TABLE_TOOLS] });
    expect(turn).toEqual({ text: `The tool "get weather" answered: sunny\n\n${DEMO_NOTE}` });
  });

  it('goes on with the tables of the agent beside them', () => {
    const turn = takeTurn({ prompt: [user('how many orders are there?')], tools: [weather, ...TABLE_TOOLS] });
    expect(turn).toMatchObject({ calls: [{ toolName: 'tables_list' }] });
  });

  it.each<[LanguageModelV4CallOptions['toolChoice'], unknown]>([
    [{ type: 'none' }, { text: expect.stringContaining(DEMO_NOTE) }],
    [{ type: 'required' }, { calls: [expect.objectContaining({ toolName: 'get_weather' })] }],
    [{ type: 'tool', toolName: 'get_weather' }, { calls: [expect.objectContaining({ input: { city: 'Hello there' } })] }],
  ])('obeys the tool choice %j', (toolChoice, expected) => {
    expect(takeTurn({ prompt: [user('Hello there')], tools: [weather], ...(toolChoice === undefined ? {} : { toolChoice }) })).toEqual(
      expected,
    );
  });

  it('calls nothing with a number that nobody said', () => {
    const convert = defineTool('convert_money', { amount: { type: 'number' } }, ['amount']);
    expect(takeTurn({ prompt: [user('convert some money')], tools: [convert] })).toEqual({ text: expect.stringContaining('amount') });
  });

  it('answers each part of a question with what suits it', () => {
    const message = [user('how many orders are there? And what is the weather in Rome?')];
    const turn = takeTurn({ prompt: message, tools: [weather, ...TABLE_TOOLS] });
    expect(turn).toMatchObject({ calls: [{ toolName: 'tables_list' }, { toolName: 'get_weather', input: { city: 'Rome' } }] });
  });

  it('gives no call id twice in a conversation', () => {
    const first = takeTurn({ prompt, tools: [weather] });
    const history = [...prompt, ...answered('calls' in first ? first.calls : [], () => 'sunny'), user('and the weather in Rome?')];
    expect(takeTurn({ prompt: history, tools: [weather] })).toMatchObject({ calls: [{ toolCallId: 'call_demo_1' }] });
  });
});

describe('the demo model as planner', () => {
  const agents = [
    {
      id: 'tables',
      name: 'Tables',
      summary: 'Answers questions over the tables of the tenant: products, stock, reorder levels, orders, totals.',
    },
    {
      id: 'conversational',
      name: 'Conversation',
      summary: 'Holds a general conversation: explains, drafts, writes and rewrites texts such as mails and notes.',
    },
    { id: 'template', name: 'Template', summary: 'Counts the days between two dates.' },
  ];
  function plan(
    question: string,
    context: Partial<Parameters<typeof toPlannerPrompt>[0]> = {},
  ): { agent_id: string; task: string; depends_on: string[] }[] {
    const turn = takeTurn({ prompt: [{ role: 'system', content: 'plan' }, user(toPlannerPrompt({ agents, question, ...context }))] });
    return 'text' in turn ? JSON.parse(turn.text).slices : [];
  }

  it.each([
    ['Which products are below their reorder level?', ['tables']],
    ['hello', ['conversational']],
    ['Write a mail to my landlord', ['conversational']],
    ['How many products and orders do we have?', ['tables']],
    ['Which products are below their reorder level? Then draft a mail about them to the supplier.', ['tables', 'conversational']],
    ['Which products are below reorder level? And how many days between 2026-01-01 and 2026-03-01?', ['tables', 'template']],
    ['Draft a friendly note, and also list the stock of all products', ['conversational', 'tables']],
  ])('gives "%s" to %j', (question, expected) => {
    expect(plan(question).map((slice) => slice.agent_id)).toEqual(expected);
  });

  it('lets a part wait for the one it builds on, and keeps a question of one part as it is', () => {
    const slices = plan('Which products are below their reorder level? Then draft a mail about them.');
    expect(slices.map((slice) => slice.depends_on)).toEqual([[], ['s1']]);
    expect(slices[1]?.task).toBe('draft a mail about them.');
    expect(plan('Draft a note, and also list the stock of all products').map((slice) => slice.depends_on)).toEqual([[], []]);
    expect(plan('hello')[0]?.task).toBe('hello');
    const [, days] = plan('Which products are below reorder level? And how many days between 2026-01-01 and 2026-03-01?');
    expect(days?.task).toBe('how many days between 2026-01-01 and 2026-03-01?');
  });

  it('keeps to the number of parts that there may be, and knows what a question goes on from', () => {
    expect(plan('Draft a note, and also list the stock of all products', { max_slices: 1 }).length).toBe(1);
    const earlier = [{ role: 'user', text: 'Which products are below their reorder level?' }];
    expect(plan('only the first 3', { earlier }).map((slice) => slice.agent_id)).toEqual(['tables']);
    expect(plan('only the first 3').map((slice) => slice.agent_id)).toEqual(['conversational']);
  });
});

describe('the demo model', () => {
  const options: LanguageModelV4CallOptions = { prompt: [user('Tell me a joke')] };

  it('says what it is, and counts tokens', async () => {
    const { content, usage } = await createDemoModel().doGenerate(options);
    expect(content).toEqual([{ type: 'text', text: expect.stringContaining(DEMO_NOTE) }]);
    expect(usage.inputTokens.total).toBeGreaterThan(0);
    expect(usage.outputTokens.total).toBeGreaterThan(0);
  });

  it('streams the same words it generates, one at a time', async () => {
    const { content } = await createDemoModel().doGenerate(options);
    const { stream } = await createDemoModel().doStream(options);
    const deltas: string[] = [];
    for await (const part of stream) if (part.type === 'text-delta') deltas.push(part.delta);
    expect([{ type: 'text', text: deltas.join('') }]).toEqual(content);
    expect(deltas.length).toBeGreaterThan(10);
  });

  it('makes up nothing to fill a shape that a client asks for', () => {
    const answer = (properties: Record<string, unknown>) =>
      takeTurn({
        ...options,
        responseFormat: { type: 'json', schema: { type: 'object', properties, required: Object.keys(properties) } as never },
      });
    expect(answer({ answer: { type: 'string' } })).toEqual({ text: expect.stringContaining(DEMO_NOTE) });
    expect(() => answer({ score: { type: 'number' } })).toThrow('The demo model has no answer');
    expect(() => answer({ answer: { type: 'string', maxLength: 5 } })).toThrow('The demo model has no answer');
    expect(() => answer({ answer: { type: 'string' }, kind: { enum: ['a', 'b'] } })).toThrow('The demo model has no answer');
  });
});
