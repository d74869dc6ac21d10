import { createAgentApp } from '@rubot/agent-kit/app';
import { buildDeps } from '@rubot/agent-kit/deps';
import { readAgentConfig } from '@rubot/agent-kit/env';
import { AGENT_KEY, CALLER_HEADERS, readStream } from '@rubot/testkit/agent-contract/harness';
import { startToolUpstream } from '@rubot/testkit/tool-upstream';
import { expect, it } from 'vitest';
import { agent } from '../src/agent.ts';

const TOOLS = ['tables_list', 'tables_describe', 'tables_query'].map((name) => ({
  name,
  provider: 'tables',
  description: name,
  effect: 'read',
  input_schema: { type: 'object' },
}));

const COLUMNS = { name: 'text', stock: 'number', reorder_level: 'number' };
const RESULTS: Readonly<Record<string, unknown>> = {
  tables_list: { tables: [{ name: 'products', columns: Object.keys(COLUMNS) }] },
  tables_describe: { columns: Object.entries(COLUMNS).map(([name, type]) => ({ name, type })) },
  tables_query: { rows: [{ name: 'Hex bolt', stock: 40, reorder_level: 200 }] },
};

it('answers with no model configured, from rows that its tools brought', async () => {
  const tools = await startToolUpstream(TOOLS);
  tools.onCall(({ path }) => ({ body: { result: RESULTS[path.split('/').at(-2) ?? ''] } }));
  const deps = buildDeps(readAgentConfig(agent, { ORCHESTRATOR_API_KEY: AGENT_KEY, MIDDLEWARE_URL: tools.url }), () => {});
  const body = { messages: [{ role: 'user', content: 'Which products are below their reorder level?' }], stream: true };
  const request = new Request('http://agent/v1/chat/completions', { method: 'POST', headers: CALLER_HEADERS, body: JSON.stringify(body) });
  const { text, chunks, isDone } = await readStream(await createAgentApp(agent, deps).fetch(request));

  expect(text).toBe('One row of products with stock below reorder level:\n- Hex bolt: stock 40, reorder level 200\n\n(demo model)');
  expect(isDone).toBe(true);
  expect(chunks.every((chunk) => chunk.model === 'demo/scripted')).toBe(true);
  expect(tools.calls.map((call) => call.path)).toEqual(TOOLS.map(({ name }) => `/data/acme/tools/${name}/call`));
  expect(tools.calls.at(-1)?.body).toMatchObject({
    arguments: { table: 'products', where: [{ column: 'stock', operator: 'lt', other_column: 'reorder_level' }] },
  });
  await deps.close();
  await tools.close();
});
