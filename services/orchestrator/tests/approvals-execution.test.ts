import type { StepEvent } from '@rubot/contracts/agent';
import { NO_USAGE } from '@rubot/contracts/chat-response';
import { HEADERS } from '@rubot/contracts/headers';
import { type FakeAgent, startFakeAgent, toStepFrame } from '@rubot/testkit/fake-agent';
import { readAgentRequest } from '@rubot/testkit/fake-agent/agent-request';
import { followPlan, type PlanStep } from '@rubot/testkit/fake-agent/follow-plan';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type DatabaseOfTest, openTestDatabase } from './_database.ts';
import {
  ask,
  contentOf,
  gatewayHeaders,
  type Orchestrator,
  planOf,
  RUN_ID,
  readCompletion,
  readError,
  readStream,
  startOrchestrator,
} from './_harness.ts';
import { askRuns, type ReadEvent, readPage, readRun, streamEvents, textOf } from './_runs.ts';

const REFUND: PlanStep[] = [
  { text: 'I look.', calls: [{ id: 'look', effect: 'read' }] },
  { text: 'I ask.', calls: [{ id: 'note' }, { id: 'pay', name: 'refund', arguments: { amount: 5 }, needsApproval: true }] },
  { text: 'Done.' },
];
const NOTICE = '(Waiting for a person to approve `refund`. The answer goes on when that is decided.)';
const PENDING = { tool_call_id: 'pay', name: 'refund', arguments: '{"amount":5}', slice_id: 's1', agent_id: 'tables' };

let tables: FakeAgent;
let chat: FakeAgent;
let database: DatabaseOfTest;
let effects: string[];
beforeEach(async () => {
  tables = await startFakeAgent({ id: 'tables' });
  chat = await startFakeAgent({ id: 'chat' });
  database = await openTestDatabase();
  effects = [];
  tables.onCompletion(followEffects(REFUND));
});
afterEach(() => Promise.all([tables.close(), chat.close()]));

function followEffects(plan: PlanStep[]) {
  return followPlan(plan, {
    runCall: ({ id }, key) => {
      effects.push(key);
      return `result of ${id}`;
    },
  });
}

async function decide(orchestrator: Orchestrator, callId: string, decision: object, headers: Record<string, string> = {}): Promise<void> {
  const response = await fetch(`${orchestrator.url}/v1/runs/${RUN_ID}/approvals/${callId}`, {
    method: 'POST',
    headers: { ...gatewayHeaders(), ...headers },
    body: JSON.stringify(decision),
  });
  expect(response.status, await response.text()).toBe(200);
}

/** Every event up to the one of this type; the stream of a run that waits does not end. */
async function readUntil(orchestrator: Orchestrator, type: string): Promise<ReadEvent[]> {
  const leave = new AbortController();
  const events: ReadEvent[] = [];
  for await (const event of streamEvents(await askRuns(orchestrator, `/${RUN_ID}/events`, { signal: leave.signal }))) {
    events.push(event);
    if (event.type === type) break;
  }
  leave.abort();
  return events;
}

describe('a call that wants approval', () => {
  it.each([false, true])('parks the run, and tells its reader what it waits for (stream: %s)', async (stream) => {
    const orchestrator = await startOrchestrator({ agents: [tables], database });
    const response = await orchestrator.complete(ask('refund me', { stream }));
    const report = {
      run_id: RUN_ID,
      status: 'requires_action',
      planner: 'none',
      slices: [{ slice_id: 's1', agent_id: 'tables', status: 'requires_action' }],
      required_action: { tool_calls: [PENDING] },
    };
    const text = `I look.\n\nI ask.\n\n${NOTICE}`;
    if (stream) {
      const read = await readStream(response);
      expect([read.text, read.isDone, read.error]).toEqual([text, true, undefined]);
      expect(read.chunks.at(-1)).toMatchObject({ choices: [{ finish_reason: 'stop' }], rubot: report });
    } else {
      const completion = await readCompletion(response);
      expect(contentOf(completion)).toBe(text);
      expect(completion).toMatchObject({ choices: [{ finish_reason: 'stop' }], rubot: report, usage: { total_tokens: 36 } });
    }
    expect(effects).toEqual([`${RUN_ID}/s1/look`]);
    expect(tables.completions).toHaveLength(1);
    expect(await readRun(orchestrator, RUN_ID)).toMatchObject({
      status: 'requires_action',
      finished_at: null,
      required_action: { tool_calls: [PENDING] },
    });
    const { data, ended } = await readPage(orchestrator, RUN_ID);
    expect(data.map(({ type }) => type).filter((type) => type !== 'chunk')).toEqual(['start', 'step', 'step', 'requires_action']);
    expect(data.at(-1)).toMatchObject({ type: 'requires_action', data: { tool_calls: [PENDING] } });
    expect(ended).toBe(false);
    // What is said to whoever reads along is no part of the answer.
    expect(JSON.stringify(data)).not.toContain('Waiting for');
    expect(orchestrator.linesOf('run.parked')).toHaveLength(1);
    expect(orchestrator.linesOf('run.completed')).toHaveLength(0);
    // The queue is looked into with a slot, too.
    await vi.waitFor(() => expect(orchestrator.deps.slots.used('cpu')).toBe(0));
  });

  it('can be approved at the moment that its reader hears of it', async () => {
    const orchestrator = await startOrchestrator({ agents: [tables], database });
    for (let round = 0; round < 5; round += 1) {
      const headers = { [HEADERS.runId]: `run_${String(round).padStart(32, '0')}` };
      await readCompletion(await orchestrator.complete(ask('refund me'), { headers }));
      const url = `${orchestrator.url}/v1/runs/${headers[HEADERS.runId]}/approvals/pay`;
      const decided = await fetch(url, { method: 'POST', headers: gatewayHeaders(), body: '{"decision":"approve"}' });
      expect(decided.status).toBe(200);
    }
  });

  it('is run once a person has agreed, with the rights of that person, on any worker; steps that were done are not made again', async () => {
    const first = await startOrchestrator({ agents: [tables], database });
    await readCompletion(await first.complete(ask('refund me')));
    first.deps.drain();
    const second = await startOrchestrator({ agents: [tables], database });
    await decide(second, 'pay', { decision: 'approve' }, { [HEADERS.dataBearer]: 'the-approvers-bearer' });
    const events = await readUntil(second, 'end');
    expect(textOf(events)).toBe('I look.\n\nI ask.\n\nDone.');
    expect(events.map(({ type }) => type).filter((type) => type !== 'chunk' && type !== 'step')).toEqual([
      'start',
      'requires_action',
      'approval',
      'restart',
      'end',
    ]);
    expect(effects).toEqual(['look', 'note', 'pay'].map((id) => `${RUN_ID}/s1/${id}`));
    const [, resumed, ...others] = tables.completions;
    expect(others).toHaveLength(0);
    expect(readAgentRequest(resumed!)).toMatchObject({
      decisions: { pay: { decision: 'approve' } },
      openCalls: [{ id: 'note' }, { id: 'pay' }],
    });
    expect(resumed?.headers[HEADERS.dataBearer]).toBe('the-approvers-bearer');
    const run = await readRun(second, RUN_ID);
    expect(run).toMatchObject({ status: 'completed', usage: { total_tokens: 54 } });
    expect((await database.findRun(RUN_ID))?.steps.map(({ step }) => step.index)).toEqual([0, 1, 2, 3]);
  });

  it('is not run when a person has refused, and the model is told why', async () => {
    const orchestrator = await startOrchestrator({ agents: [tables], database });
    await readCompletion(await orchestrator.complete(ask('refund me')));
    const comment = 'Zu teuer – frag den Chef.';
    await decide(orchestrator, 'pay', { decision: 'reject', comment });
    await readUntil(orchestrator, 'end');
    expect(effects).toEqual(['look', 'note'].map((id) => `${RUN_ID}/s1/${id}`));
    expect(readAgentRequest(tables.completions[1]!).decisions).toEqual({ pay: { decision: 'reject', comment } });
    expect(JSON.stringify((await database.findRun(RUN_ID))?.steps[2])).toContain(comment);
  });

  it('waits for every decision that its step wants', async () => {
    tables.onCompletion(
      followEffects([
        {
          calls: [
            { id: 'one', name: 'refund', needsApproval: true },
            { id: 'two', name: 'refund', needsApproval: true },
          ],
        },
        { text: 'Done.' },
      ]),
    );
    const orchestrator = await startOrchestrator({ agents: [tables], database });
    const completion = await readCompletion(await orchestrator.complete(ask('refund me')));
    expect(contentOf(completion)).toBe(NOTICE);
    await decide(orchestrator, 'one', { decision: 'approve' });
    expect(await readRun(orchestrator, RUN_ID)).toMatchObject({
      status: 'requires_action',
      required_action: { tool_calls: [{ tool_call_id: 'two' }] },
    });
    expect(effects).toEqual([]);
    await decide(orchestrator, 'two', { decision: 'approve' });
    await readUntil(orchestrator, 'end');
    expect(effects).toEqual(['one', 'two'].map((id) => `${RUN_ID}/s1/${id}`));
  });

  it('can be followed by another one, which waits anew', async () => {
    tables.onCompletion(
      followEffects([
        { text: 'First.', calls: [{ id: 'one', needsApproval: true }] },
        { text: 'Second.', calls: [{ id: 'two', needsApproval: true }] },
        { text: 'Done.' },
      ]),
    );
    const orchestrator = await startOrchestrator({ agents: [tables], database });
    await readCompletion(await orchestrator.complete(ask('refund me')));
    await decide(orchestrator, 'one', { decision: 'approve' });
    await vi.waitFor(async () => {
      const { required_action } = await readRun(orchestrator, RUN_ID);
      expect(required_action).toMatchObject({ tool_calls: [{ tool_call_id: 'two' }] });
    });
    expect(effects).toEqual([`${RUN_ID}/s1/one`]);
    await decide(orchestrator, 'two', { decision: 'reject' });
    expect(textOf(await readUntil(orchestrator, 'end'))).toBe('First.\n\nSecond.\n\nDone.');
    expect(readAgentRequest(tables.completions.at(-1)!).decisions).toEqual({ two: { decision: 'reject' } });
    expect(effects).toEqual([`${RUN_ID}/s1/one`]);
  });
});

it('a call waits for a person also where its tool has come to want one after it was made', async () => {
  const frame = (messages: StepEvent['messages'], pending?: StepEvent['pending']) =>
    toStepFrame({ index: 0, messages, usage: NO_USAGE, ...(pending === undefined ? {} : { pending }) });
  const call = { id: 'pay', type: 'function' as const, function: { name: 'refund', arguments: '{"amount":5}' } };
  tables.onCompletion((exchange) => {
    const { openCalls, decisions } = readAgentRequest(exchange);
    if (decisions?.['pay'] !== undefined) {
      exchange.sendRaw(frame([{ role: 'tool', tool_call_id: 'pay', content: 'paid' }]));
      exchange.sendText('Done.');
      return exchange.finish();
    }
    const awaits = openCalls.length === 0 ? 'commit' : 'approval';
    const messages = openCalls.length === 0 ? [{ role: 'assistant' as const, content: null, tool_calls: [call] }] : [];
    exchange.sendRaw(frame(messages, [{ tool_call_id: 'pay', awaits }]));
    exchange.finish(null);
  });
  const orchestrator = await startOrchestrator({ agents: [tables], database });
  expect(contentOf(await readCompletion(await orchestrator.complete(ask('refund me'))))).toBe(NOTICE);
  expect((await readRun(orchestrator, RUN_ID)).required_action).toEqual({ tool_calls: [PENDING] });
  await decide(orchestrator, 'pay', { decision: 'approve' });
  expect(textOf(await readUntil(orchestrator, 'end'))).toBe('Done.');
  expect(tables.completions).toHaveLength(3);
});

describe('an answer of several agents, of which one waits', () => {
  const planner = () => planOf({ id: 's1', agent: 'chat' }, { id: 's2', agent: 'tables' }, { id: 's3', agent: 'chat', after: ['s2'] });

  it('goes on where it stood: what was done is not done again, what builds on it is begun then', async () => {
    chat.onCompletion((exchange) => exchange.answer({ text: `chat of ${exchange.headers[HEADERS.sliceId]}` }));
    const asked = planner();
    const orchestrator = await startOrchestrator({ agents: [tables, chat], database, planner: asked });
    const completion = await readCompletion(await orchestrator.complete(ask('two things')));
    expect(completion.rubot).toMatchObject({
      status: 'requires_action',
      slices: [
        { slice_id: 's1', status: 'completed' },
        { slice_id: 's2', status: 'requires_action' },
        { slice_id: 's3', status: 'waiting' },
      ],
    });
    expect(contentOf(completion)).toBe(`### chat\n\nchat of s1\n\n### tables\n\nI look.\n\nI ask.\n\n${NOTICE}`);
    expect(chat.completions).toHaveLength(1);
    await decide(orchestrator, 'pay', { decision: 'approve' });
    const events = await readUntil(orchestrator, 'end');
    expect(textOf(events)).toBe('### chat\n\nchat of s1\n\n### tables\n\nI look.\n\nI ask.\n\nDone.\n\n### chat\n\nchat of s3');
    expect(asked.questions).toHaveLength(1);
    expect(JSON.stringify(chat.completions.at(-1)?.body['messages'])).toContain('Done.');
    expect(effects.map((key) => key.slice(RUN_ID.length))).toEqual(['/s2/look', '/s2/note', '/s2/pay']);
    expect((await readRun(orchestrator, RUN_ID)).slices).toMatchObject([
      { status: 'completed' },
      { status: 'completed' },
      { status: 'completed' },
    ]);
  });

  it('says nothing final of one that failed beside it, and gives it another chance with the decision', async () => {
    chat.onCompletion((exchange) => exchange.refuse(500, 'broken'));
    const orchestrator = await startOrchestrator({
      agents: [tables, chat],
      database,
      planner: planOf({ id: 's1', agent: 'chat' }, { id: 's2', agent: 'tables' }),
    });
    const completion = await readCompletion(await orchestrator.complete(ask('two things')));
    expect(contentOf(completion)).toBe(`### tables\n\nI look.\n\nI ask.\n\n${NOTICE}`);
    expect(completion.rubot).toMatchObject({
      slices: [{ status: 'failed', error: { code: 'upstream_failed' } }, { status: 'requires_action' }],
    });
    chat.onCompletion((exchange) => exchange.answer({ text: 'here I am' }));
    await decide(orchestrator, 'pay', { decision: 'approve' });
    expect(textOf(await readUntil(orchestrator, 'end'))).toContain('### chat\n\nhere I am');
    expect((await readRun(orchestrator, RUN_ID)).status).toBe('completed');
  });

  it('fails where two calls bear one id, as one decision would open both', async () => {
    for (const agent of [tables, chat])
      agent.onCompletion(followEffects([{ calls: [{ id: 'pay', needsApproval: true }] }, { text: 'Done.' }]));
    const orchestrator = await startOrchestrator({
      agents: [tables, chat],
      database,
      planner: planOf({ id: 's1', agent: 'chat' }, { id: 's2', agent: 'tables' }),
    });
    expect(await readError(await orchestrator.complete(ask('two things')))).toMatchObject({
      code: 'upstream_failed',
      message: expect.stringContaining('one id'),
    });
    expect(effects).toEqual([]);
  });

  it('does not take a decision on one for a decision on another that comes later under its id', async () => {
    chat.onCompletion(followEffects([{ calls: [{ id: 'pay', needsApproval: true }] }, { text: 'Done.' }]));
    const orchestrator = await startOrchestrator({
      agents: [tables, chat],
      database,
      planner: planOf({ id: 's1', agent: 'tables' }, { id: 's2', agent: 'chat', after: ['s1'] }),
    });
    await readCompletion(await orchestrator.complete(ask('two things')));
    await decide(orchestrator, 'pay', { decision: 'approve' });
    await readUntil(orchestrator, 'end');
    expect(effects.map((key) => key.slice(RUN_ID.length))).toEqual(['/s1/look', '/s1/note', '/s1/pay']);
    expect((await readRun(orchestrator, RUN_ID)).slices).toMatchObject([
      { status: 'completed' },
      { status: 'failed', error: { code: 'upstream_failed' } },
    ]);
  });
});
