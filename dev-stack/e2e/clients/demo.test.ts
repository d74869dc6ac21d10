import { readFile } from 'node:fs/promises';
import { RubotReport } from '@rubot/contracts/chat-response';
import Papa from 'papaparse';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Stack, startStack } from '../../src/stack/start-stack.ts';
import { connect, SDKS } from './_client.ts';

let stack: Stack;
let products: readonly Record<string, string>[];
beforeAll(async () => {
  stack = await startStack();
  const csv = await readFile(new URL('../../seed/products.csv', import.meta.url), 'utf8');
  products = Papa.parse<Record<string, string>>(csv, { header: true, skipEmptyLines: true }).data;
});
afterAll(() => stack.stop());

const BELOW_REORDER_LEVEL = 'which products are below their reorder level?';

/** The names of the seeded products of which an answer has a line. */
function namesIn(answer: string): string[] {
  return products.map((product) => product['name']!).filter((name) => answer.includes(`- ${name}:`));
}

function namesBelowReorderLevel(): string[] {
  return products.filter((product) => Number(product['quantity_on_hand']) < Number(product['reorder_level'])).map(({ name }) => name!);
}

describe.each(SDKS)('asked by $name, without a model being set up', (sdk) => {
  it.each(['rubot', 'rubot/tables'])('%s answers from the rows of the tenant, exactly', async (model) => {
    const { client } = connect(sdk, stack);
    const stream = client.chat.completions.stream({ model, messages: [{ role: 'user', content: BELOW_REORDER_LEVEL }] });
    const answer = (await stream.finalContent()) ?? '';
    const expected = namesBelowReorderLevel();
    expect(expected.length).toBeGreaterThan(3);
    expect(expected.length).toBeLessThan(products.length);
    expect(namesIn(answer)).toEqual(expected);
    expect(answer.match(/^- /gm)).toHaveLength(expected.length);
  });

  it.each([false, true])('rubot lets two agents answer a question of two parts (stream: %s)', async (stream) => {
    const content = `${BELOW_REORDER_LEVEL} And draft a short mail to our suppliers.`;
    const request = { model: 'rubot', messages: [{ role: 'user' as const, content }] };
    const { client } = connect(sdk, stack);
    const chunks: object[] = [];
    const completion = stream
      ? await client.chat.completions
          .stream({ ...request, stream_options: { include_usage: true } })
          .on('chunk', (chunk) => chunks.push(chunk))
          .finalChatCompletion()
      : await client.chat.completions.create(request);
    const answer = completion.choices[0]?.message.content ?? '';
    expect(answer.indexOf('### Tables')).toBe(0);
    expect(answer.indexOf('### Conversation')).toBeGreaterThan(0);
    expect(namesIn(answer.slice(0, answer.indexOf('### Conversation')))).toEqual(namesBelowReorderLevel());
    expect(completion.usage?.total_tokens).toBeGreaterThan(0);
    const reports = (stream ? chunks : [completion]).flatMap((value) => ('rubot' in value ? [RubotReport.parse(value.rubot)] : []));
    expect(reports).toMatchObject([
      {
        status: 'completed',
        planner: 'model',
        slices: [
          { agent_id: 'tables', status: 'completed' },
          { agent_id: 'conversational', status: 'completed' },
        ],
      },
    ]);
  });

  it('goes on in a conversation that has begun', async () => {
    const { client } = connect(sdk, stack);
    const messages = [
      { role: 'user' as const, content: BELOW_REORDER_LEVEL },
      { role: 'assistant' as const, content: 'Some are.' },
      { role: 'user' as const, content: 'how many orders are there?' },
    ];
    const { choices } = await client.chat.completions.create({ model: 'rubot/tables', messages });
    expect(choices[0]?.message.content).toMatch(/^40 orders/);
    expect(choices[0]?.message.content).toContain('demo model');
  });
});
