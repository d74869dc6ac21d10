import { HEADERS } from '@rubot/contracts/headers';
import { type FakeAgent, startFakeAgent } from '@rubot/testkit/fake-agent';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PlannerModel } from '../src/planning/planner-model.ts';
import {
  ask,
  contentOf,
  type Orchestrator,
  plannerWith,
  planOf,
  RUN_ID,
  readCompletion,
  readError,
  startOrchestrator,
} from './_harness.ts';

let tables: FakeAgent;
let chat: FakeAgent;
let billing: FakeAgent;

beforeEach(async () => {
  tables = await startFakeAgent({ id: 'tables', name: 'Tables', summary: 'Answers questions over inventory, products and orders.' });
  chat = await startFakeAgent({ id: 'chat', name: 'Chat', summary: 'Small talk.' });
  billing = await startFakeAgent({ id: 'billing', name: 'Billing', summary: 'Invoices and payments.' });
});
afterEach(() => Promise.all([tables.close(), chat.close(), billing.close()]));

function start(planner: PlannerModel, env: Record<string, string> = {}): Promise<Orchestrator> {
  return startOrchestrator({ agents: [tables, chat, billing], planner, env });
}

describe('whether the planner is asked', () => {
  const refuseToPlan = plannerWith(() => Promise.reject(new Error('must not be asked')));

  it('is not where the model names an agent', async () => {
    const orchestrator = await start(refuseToPlan);
    expect(contentOf(await readCompletion(await orchestrator.complete(ask('hi', { model: 'rubot/chat' }))))).toBe('answer of chat');
    expect(refuseToPlan.questions).toHaveLength(0);
  });

  it('is not where the tenant may use one agent', async () => {
    const orchestrator = await start(refuseToPlan);
    const completion = await readCompletion(await orchestrator.complete(ask('hi'), { headers: { [HEADERS.allowedAgents]: 'billing' } }));
    expect(contentOf(completion)).toBe('answer of billing');
    expect(completion.rubot?.planner).toBe('none');
    expect(refuseToPlan.questions).toHaveLength(0);
  });

  it('is offered only what the tenant may use', async () => {
    const planner = planOf({ id: 's1', agent: 'chat' });
    const orchestrator = await start(planner);
    await readCompletion(await orchestrator.complete(ask('hi'), { headers: { [HEADERS.allowedAgents]: 'chat,billing' } }));
    expect(planner.questions[0]?.offered.map(({ agent }) => agent.id)).toEqual(['chat', 'billing']);
  });

  it('is told what was said before, cut short', async () => {
    const planner = planOf({ id: 's1', agent: 'chat' });
    const orchestrator = await start(planner);
    const messages = [
      { role: 'system', content: 'be brief' },
      { role: 'user', content: 'how many orders?' },
      { role: 'assistant', content: 'x'.repeat(2_000) },
      { role: 'user', content: [{ type: 'text', text: 'and by supplier?' }] },
    ];
    await readCompletion(await orchestrator.complete({ messages }));
    expect(planner.questions[0]).toMatchObject({
      question: 'and by supplier?',
      earlier: [
        { role: 'user', text: 'how many orders?' },
        { role: 'assistant', text: 'x'.repeat(500) },
      ],
      maxSlices: 3,
    });
  });
});

describe('an answer with one author', () => {
  const tool = { type: 'function', function: { name: 'look', parameters: { type: 'object' } } };
  const toolTurn = [
    { role: 'user', content: 'look' },
    { role: 'assistant', tool_calls: [{ id: 'call_1', type: 'function', function: { name: 'look', arguments: '{}' } }] },
    { role: 'tool', tool_call_id: 'call_1', content: 'seen' },
  ];

  it.each([
    ['client tools', ask('hi', { tools: [tool] })],
    ['a tool result as the last message', { messages: toolTurn }],
    ['a JSON response format', ask('hi', { response_format: { type: 'json_object' } })],
  ])('is planned for %s, and gets the conversation untouched', async (_, body) => {
    const planner = planOf({ id: 's1', agent: 'chat' });
    const orchestrator = await start(planner);
    await readCompletion(await orchestrator.complete(body));
    expect(planner.questions[0]?.maxSlices).toBe(1);
    expect(chat.completions[0]?.body['messages']).toEqual(body['messages']);
  });

  it('is given by one agent even where the planner gives two', async () => {
    const orchestrator = await start(planOf({ id: 's1', agent: 'chat' }, { id: 's2', agent: 'tables' }));
    const completion = await readCompletion(await orchestrator.complete(ask('orders', { tools: [tool] })));
    expect(completion.rubot?.slices).toHaveLength(1);
    expect(completion.rubot?.planner).toBe('fallback');
  });
});

describe('depends_on', () => {
  it('holds a slice back until what it needs is there, and hands that on as data', async () => {
    tables.onCompletion(() => {});
    const orchestrator = await start(
      planOf({ id: 's1', agent: 'tables', task: 'count' }, { id: 's2', agent: 'chat', task: 'write', after: ['s1'] }),
    );
    const response = orchestrator.complete(ask('count, then write'));
    const first = await tables.nextCompletion();
    first.sendText('42 ');
    first.sendText('orders');
    expect(chat.completions).toHaveLength(0);
    first.finish();
    const completion = await readCompletion(await response);
    const messages = chat.completions[0]?.body['messages'] as { content: string }[];
    expect(JSON.parse(messages.at(-1)?.content ?? '')).toMatchObject({
      part: 'write',
      earlier_answers: [{ agent: 'Tables', answer: '42 orders' }],
    });
    expect(contentOf(completion)).toBe('### Tables\n\n42 orders\n\n### Chat\n\nanswer of chat');
  });

  it('runs in the order of the dependencies, whatever the order of the plan', async () => {
    const orchestrator = await start(
      planOf({ id: 'c', agent: 'billing', after: ['b'] }, { id: 'b', agent: 'chat', after: ['a'] }, { id: 'a', agent: 'tables' }),
    );
    const completion = await readCompletion(await orchestrator.complete(ask('all')));
    expect(completion.rubot?.slices?.map(({ slice_id, status }) => [slice_id, status])).toEqual([
      ['a', 'completed'],
      ['b', 'completed'],
      ['c', 'completed'],
    ]);
    const messages = billing.completions[0]?.body['messages'] as { content: string }[];
    expect(JSON.parse(messages.at(-1)?.content ?? '').earlier_answers).toEqual([{ agent: 'Chat', answer: 'answer of chat' }]);
  });

  it('starts independent slices together', async () => {
    for (const agent of [tables, chat, billing]) agent.onCompletion(() => {});
    const orchestrator = await start(planOf({ id: 'a', agent: 'tables' }, { id: 'b', agent: 'chat' }, { id: 'c', agent: 'billing' }));
    const response = orchestrator.complete(ask('all'));
    // Each is answered only after all have been asked: one after the other, they would never be.
    const exchanges = await Promise.all([tables.nextCompletion(), chat.nextCompletion(), billing.nextCompletion()]);
    for (const exchange of exchanges) exchange.answer({ text: 'ok' });
    expect((await readCompletion(await response)).rubot?.status).toBe('completed');
  });

  it('skips what builds on a failure, says so, and keeps the rest', async () => {
    tables.onCompletion((exchange) => exchange.refuse(500, '{}'));
    const orchestrator = await start(
      planOf({ id: 'a', agent: 'tables' }, { id: 'b', agent: 'chat', after: ['a'] }, { id: 'c', agent: 'billing' }),
    );
    const completion = await readCompletion(await orchestrator.complete(ask('all')));
    expect(completion.rubot?.status).toBe('partial');
    expect(completion.rubot?.slices).toMatchObject([
      { slice_id: 'a', agent_id: 'tables', status: 'failed', error: { code: 'upstream_failed' } },
      { slice_id: 'b', agent_id: 'chat', status: 'skipped', error: { code: 'upstream_failed' } },
      { slice_id: 'c', agent_id: 'billing', status: 'completed' },
    ]);
    expect(contentOf(completion)).toMatch(
      /^### Billing\n\nanswer of billing\n\n---\n\nThis answer is incomplete\. Missing:\n\n- Tables: .+\n- Chat: .+/,
    );
    expect(chat.completions).toHaveLength(0);
    expect((await orchestrator.findRun(RUN_ID))?.outcome?.status).toBe('partial');
    expect(orchestrator.linesOf('slice.completed').map((line) => line.extra?.['status'])).toEqual(
      expect.arrayContaining(['failed', 'skipped', 'completed']),
    );
  });
});

describe('a plan that cannot be used', () => {
  const usage = { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 };
  const slice = (id: string, agent: string, after: string[] = []) => ({ id, agent_id: agent, task: 't', depends_on: after });

  it.each<[string, unknown]>([
    ['a circle', { slices: [slice('a', 'tables', ['b']), slice('b', 'chat', ['a'])] }],
    ['a slice that needs itself', { slices: [slice('a', 'tables', ['a'])] }],
    ['an unknown dependency', { slices: [slice('a', 'tables', ['z'])] }],
    ['an unknown agent', { slices: [slice('a', 'payroll')] }],
    ['one id twice', { slices: [slice('a', 'tables'), slice('a', 'chat')] }],
    ['four slices', { slices: ['a', 'b', 'c', 'd'].map((id) => slice(id, 'tables')) }],
    ['no slice', { slices: [] }],
    ['no plan', 'sorry, I cannot'],
    ['nothing', undefined],
  ])('is replaced by the best agent, in the open: %s', async (_, plan) => {
    const orchestrator = await start(plannerWith(() => Promise.resolve({ plan, usage })));
    const completion = await readCompletion(await orchestrator.complete(ask('which invoices and payments are late?')));
    expect(completion.rubot).toMatchObject({ planner: 'fallback', status: 'completed', slices: [{ agent_id: 'billing' }] });
    expect(contentOf(completion)).toBe('answer of billing');
    expect(completion.usage?.total_tokens).toBe(18 + usage.total_tokens);
    expect(orchestrator.linesOf('plan.rejected')[0]).toMatchObject({ log_level: 'warn', error: { code: 'upstream_failed' } });
  });

  it('is replaced when the planner fails or is too slow, and the rest of the deadline is the agent’s', async () => {
    const failing = await start(plannerWith(() => Promise.reject(new Error('no such model'))));
    expect((await readCompletion(await failing.complete(ask('payments')))).rubot?.planner).toBe('fallback');
    const hanging = plannerWith(
      (_, signal) => new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))),
    );
    const slow = await start(hanging, { PLANNER_TIMEOUT_MS: '100' });
    const completion = await readCompletion(await slow.complete(ask('payments')));
    expect(completion.rubot).toMatchObject({ planner: 'fallback', slices: [{ agent_id: 'billing' }] });
    expect(slow.linesOf('plan.rejected')[0]?.error?.code).toBe('deadline_exceeded');
  });

  it('is an error when the deadline of the request was what ended it', async () => {
    const hanging = plannerWith(
      (_, signal) => new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))),
    );
    const orchestrator = await start(hanging);
    const response = await orchestrator.complete(ask('hi'), { headers: { [HEADERS.timeoutMs]: '200' } });
    expect(await readError(response)).toMatchObject({ status: 504, code: 'deadline_exceeded' });
    expect(billing.completions.length + tables.completions.length + chat.completions.length).toBe(0);
  });
});
