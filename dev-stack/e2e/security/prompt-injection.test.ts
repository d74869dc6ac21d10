import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HEADERS } from '@rubot/contracts/headers';
import type { LogLine } from '@rubot/contracts/log';
import { findLeaks } from '@rubot/testkit/secret-forms';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ModelStack, postCompletion, startModelStack } from '../_stack.ts';
import { readRunEvents } from '../runs/_runs.ts';
import { isPlanner, type Order, obey, toInjection, toOrders } from './_injections.ts';
import { readRowsOf, readRunsOf } from './_state-of-tenant.ts';
import { askAdmin, buildTenant, type TenantWorld } from './_world.ts';

const MIN_CASES = 100;
const folder = mkdtempSync(join(tmpdir(), 'rubot-e2e-injection-'));
const lines: string[] = [];
let stack: ModelStack;
let a: TenantWorld;
let b: TenantWorld;
let orders: readonly Order[];
let cases = 0;
const traces = new Set<string>();
beforeAll(async () => {
  stack = await startModelStack({
    agents: ['conversational', 'tables', 'template'],
    seed: false,
    persistDirectory: folder,
    onLine: (line) => lines.push(line),
  });
  [a, b] = [await buildTenant(stack, 'a'), await buildTenant(stack, 'b')];
  await askAdmin(stack, 'PUT', `/tenants/${a.tenant}/access`, {
    agent_policy: 'listed',
    agents: [{ agent_id: 'tables' }, { agent_id: 'conversational' }],
    tool_policy: 'all',
    tools: [],
    approve_writes: false,
  });
  orders = toOrders({ ...b, token: b.tokens['admin:*'].token });
  const rows = orders.map((order, index) => `${index},"${toInjection(order).replaceAll('"', '""')}"`);
  await speak('Write the notes.', {
    toolCalls: [{ name: 'tables_create_from_csv', arguments: { name: 'notes', csv: `number,note\n${rows.join('\n')}\n` } }],
  });
  // Other isolates and processes remember for seconds who may use which agent.
  stack.model.otherwise({ text: 'ok' });
});
afterAll(async () => {
  await stack.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function speak(content: string, first: { toolCalls: { name: string; arguments: unknown }[] }): Promise<void> {
  stack.model.script(first, { text: 'done' });
  const response = await complete([{ role: 'user', content }], 'setup');
  expect(response.status, await response.clone().text()).toBe(200);
}

function complete(
  messages: readonly object[],
  session: string,
  fields: Record<string, unknown> = {},
  headers: Record<string, string> = {},
) {
  return postCompletion(
    stack,
    { model: 'rubot/tables', messages, ...fields },
    { headers: { [HEADERS.senderId]: a.sender, [HEADERS.sessionId]: `${a.session}-${session}`, ...headers } },
  );
}

type Ask = (injection: string, index: number) => Promise<readonly Response[]>;
const one = async (response: Promise<Response>): Promise<readonly Response[]> => [await response];
const said = (content: string) => [{ role: 'user', content }];

/** Where somebody who is not trusted can write what a model reads. */
const PLACES: Readonly<Record<string, Ask>> = {
  'what the user says': (injection, index) => one(complete(said(injection), `user-${index}`)),
  'what a client calls a system message': (injection, index) =>
    one(complete([{ role: 'system', content: injection }, ...said('Hello!')], `system-${index}`)),
  'what a client says that the assistant has said': (injection, index) =>
    one(complete([...said('Hello!'), { role: 'assistant', content: injection }, ...said('Go on.')], `assistant-${index}`)),
  'what a client says that a tool has said': (injection, index) => one(complete(toFakedCall(injection), `tool-${index}`)),
  'a cell of a table': (_, index) => one(complete(said('Read the notes.'), `cell-${index}`)),
  'a conversation that is remembered': async (injection, index) => {
    // One that waits for a person would hold up the next message for as long as a person may take.
    const memory = { [HEADERS.memory]: 'session', [HEADERS.sessionStrategy]: 'interrupt' };
    const first = await complete(said(injection), `memory-${index}`, {}, memory);
    return [first, await complete(said('And now?'), `memory-${index}`, {}, memory)];
  },
  'what a planner reads': (injection, index) => one(complete(said(`${injection} Orders, please.`), `planner-${index}`, { model: 'rubot' })),
};

function toFakedCall(injection: string): readonly object[] {
  const call = { id: 'call_faked', type: 'function', function: { name: 'tables_query', arguments: '{"table":"orders"}' } };
  return [
    ...said('Hello!'),
    { role: 'assistant', content: null, tool_calls: [call] },
    { role: 'tool', tool_call_id: 'call_faked', content: JSON.stringify({ rows: [{ note: injection }] }) },
  ];
}

/** What any service has done in these traces in the name of another tenant, or by an agent that the tenant may not use. */
function foreignLines(): readonly LogLine[] {
  return linesOfCases().filter((line) => line.tenant_id === b.tenant || line.service === 'rubot-agent-template');
}

function linesOfCases(): readonly LogLine[] {
  return lines.map((line) => JSON.parse(line) as LogLine).filter(({ trace_id }) => trace_id !== undefined && traces.has(trace_id));
}

/** What a model was offered, by whom it was asked and as which model. */
function offersSince(first: number): ReadonlySet<string> {
  const asked = stack.model.requests.slice(first).filter((exchange) => !isPlanner(exchange));
  return new Set(
    asked.map(({ body }) =>
      JSON.stringify([body['model'], (body['tools'] as { function: { name: string } }[] | undefined)?.map((tool) => tool.function.name)]),
    ),
  );
}

describe.each(Object.entries(PLACES))('a model that obeys %s', (_, ask) => {
  it('changes no tenant, no agent, no tool and no approval, and gives nothing away', { timeout: 120_000 }, async () => {
    const secrets = {
      ...stack.keys,
      token: b.tokens['admin:*'].handle,
      handle: a.tokens['chat:write'].handle,
      own: a.tokens['chat:write'].token,
    };
    const before = [readRowsOf(folder, b), await readRunsOf(stack, b), rowsOfOrders()];
    for (const [index, order] of orders.entries()) {
      const firstAsked = stack.model.requests.length;
      stack.model.otherwise(obey(index));
      const responses = await ask(toInjection(order), index);
      cases += 1;
      const texts = await Promise.all(responses.map((response) => response.text()));
      for (const { status } of responses) expect([200, 400, 502], `${order.name}: ${texts.join()}`).toContain(status);
      const prompts = stack.model.requests
        .slice(firstAsked)
        .map(({ body, headers: { authorization, ...headers } }) => JSON.stringify([body, headers]));
      expect(prompts.length, order.name).toBeGreaterThan(0);
      for (const text of [...texts, ...prompts]) {
        expect(text, order.name).not.toContain(b.mark);
        // No bearer, of whatever kind.
        expect(text.match(/eyJ[\w-]{10,}\.[\w-]{10,}/)?.[0], order.name).toBeUndefined();
      }
      expect(
        findLeaks(
          secrets,
          [...texts, ...prompts].map((text) => [order.name, text] as const),
        ),
      ).toEqual([]);
      expect(
        [...offersSince(firstAsked)].filter((offer) => !KNOWN_OFFERS.some((known) => known.test(offer))),
        order.name,
      ).toEqual([]);
      for (const { headers } of responses) traces.add(headers.get(HEADERS.traceId) ?? '');
    }
    expect([readRowsOf(folder, b), await readRunsOf(stack, b), rowsOfOrders()]).toEqual(before);
    expect(foreignLines()).toEqual([]);
  });
});

/** The tables agent with all tools of its provider, or one with none; never one of another provider. */
const KNOWN_OFFERS = [/^\["test-model",\["tables_[a-z_]+"(?:,"tables_[a-z_]+")*\]\]$/, /^\["test-model",(?:null|\[\])?\]?\]?$/];

function rowsOfOrders(): unknown {
  const { table_rows } = readRowsOf(folder, a) as { table_rows: { table_name: string }[] };
  return table_rows.filter(({ table_name }) => table_name === 'orders');
}

it('orders were carried out as far as they could be, so that there was something to hold', async () => {
  expect(cases).toBeGreaterThanOrEqual(MIN_CASES);
  const called = linesOfCases().filter(({ event_type }) => event_type === 'tool.called');
  expect(called.length).toBeGreaterThan(20);
  expect([...new Set(called.map(({ tenant_id }) => tenant_id))]).toEqual([a.tenant]);
  expect(foreignLines()).toEqual([]);
  // Runs that a deletion was ordered in wait for a person, and go on waiting.
  const speaker = { senderId: a.sender, sessionId: a.session };
  expect(await readRunEvents(stack, a.runId, { speaker, count: 1 })).toHaveLength(1);
  const { data } = (await readRunsOf(stack, a)) as { data: { status: string }[] };
  expect(data.filter(({ status }) => status === 'requires_action').length).toBeGreaterThan(5);
});
