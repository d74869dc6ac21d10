import { HEADERS } from '@rubot/contracts/headers';
import { type AgentScript, type FakeAgent, startFakeAgent, toStepFrame } from '@rubot/testkit/fake-agent';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type DatabaseOfTest, openTestDatabase } from './_database.ts';
import { ask, contentOf, type Orchestrator, planOf, readCompletion, readStream, startOrchestrator } from './_harness.ts';
import { askRuns, readEvents, readRun, textOf } from './_runs.ts';
import { createHearing, headersOf, keepBusy, questionOf, type Sending, startRun, untilStatus } from './_sending.ts';

let tables: FakeAgent;
let database: DatabaseOfTest;
beforeEach(async () => {
  tables = await startFakeAgent({ id: 'tables' });
  database = await openTestDatabase();
});
afterEach(() => tables.close());

function startWith(env: Record<string, string>): Promise<Orchestrator> {
  return startOrchestrator({ agents: [tables], database, env });
}

/** Until no slot is taken. A run that was cancelled by way of another process is missed here within a second. */
function untilFree({ deps: { slots } }: Orchestrator): Promise<void> {
  return vi.waitFor(() => expect([slots.used('cpu'), slots.used('gpu')]).toEqual([0, 0]), { timeout: 10_000 });
}

type Ask = (orchestrator: Orchestrator, question: string, sending?: Sending) => Promise<string>;

const completeWhole: Ask = async (orchestrator, question, sending) =>
  contentOf(await readCompletion(await orchestrator.complete(ask(question), { headers: headersOf(sending) })));

const completeStreamed: Ask = async (orchestrator, question, sending) => {
  const read = await readStream(await orchestrator.complete(ask(question, { stream: true }), { headers: headersOf(sending) }));
  expect(read).toMatchObject({ isDone: true, error: undefined });
  return read.text;
};

const runToEnd: Ask = async (orchestrator, question, sending) =>
  textOf(await readEvents(orchestrator, await startRun(orchestrator, question, sending), sending));

describe('slots', () => {
  it('are all that is worked on at a time, however much comes at once, and everything gets one', async () => {
    const agent = keepBusy(tables, { together: 4 });
    const orchestrator = await startWith({ WORKER_SLOTS: '4' });
    const asking = [completeWhole, completeStreamed, runToEnd, runToEnd];
    const questions = Array.from({ length: 40 }, (_, index) => `question ${index}`);
    const answers = await Promise.all(
      questions.map((question, index) => asking[index % 4]!(orchestrator, question, { tenantId: `tenant-${index % 5}` })),
    );
    expect(answers).toEqual(questions.map((question) => `answer to ${question}`));
    expect(agent.peak()).toBe(4);
    expect([...agent.begun].sort()).toEqual([...questions].sort());
    await untilStatus(database, 'completed', 40);
    await untilFree(orchestrator);
  });

  it('are those of one process: another one brings as many more', async () => {
    const agent = keepBusy(tables, { together: 5 });
    const processes = [await startWith({ WORKER_SLOTS: '2' }), await startWith({ WORKER_SLOTS: '3' })];
    for (let index = 0; index < 30; index += 1) await startRun(processes[index % 2]!, `question ${index}`);
    await untilStatus(database, 'completed', 30);
    expect(agent.peak()).toBe(5);
  });
});

const hold: AgentScript = (exchange) => exchange.sendText('begun');

const needsApproval: AgentScript = (exchange) => {
  const calls = [{ id: 'a', type: 'function' as const, function: { name: 'act', arguments: '{}' } }];
  const messages = [{ role: 'assistant' as const, content: 'Look.', tool_calls: calls }];
  const usage = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 };
  exchange.sendRaw(toStepFrame({ index: 0, messages, usage, pending: [{ tool_call_id: 'a', awaits: 'approval' }] }));
  exchange.finish(null);
};

describe('the only slot comes back when its run', () => {
  const cases: [string, AgentScript, (orchestrator: Orchestrator) => Promise<unknown>][] = [
    [
      'is cancelled',
      hold,
      async (orchestrator) => {
        const runId = await startRun(orchestrator, 'first');
        await tables.nextCompletion();
        await askRuns(orchestrator, `/${runId}/cancel`, { method: 'POST' });
      },
    ],
    [
      'has lost its client',
      hold,
      async (orchestrator) => {
        const client = new AbortController();
        const response = await orchestrator.complete(ask('first', { stream: true }), { headers: headersOf(), signal: client.signal });
        await tables.nextCompletion();
        client.abort();
        await expect(response.text()).rejects.toThrow();
      },
    ],
    [
      'fails',
      (exchange) =>
        exchange.refuse(400, JSON.stringify({ error: { message: 'No.', type: 'invalid_request_error', code: 'invalid_request' } })),
      (orchestrator) => orchestrator.complete(ask('first'), { headers: headersOf() }),
    ],
    [
      'loses its agent',
      (exchange) => exchange.cut('reset'),
      (orchestrator) => orchestrator.complete(ask('first'), { headers: headersOf() }),
    ],
    [
      'has lost its agent, and is to be tried again',
      (exchange) => exchange.cut('reset'),
      async (orchestrator) => {
        await startRun(orchestrator, 'first');
        await orchestrator.nextLine('run.retried');
      },
    ],
    ['waits for a person', needsApproval, (orchestrator) => orchestrator.complete(ask('first'), { headers: headersOf() })],
    [
      'waits for a person, out of the queue',
      needsApproval,
      async (orchestrator) => {
        await startRun(orchestrator, 'first');
        await orchestrator.nextLine('run.parked');
      },
    ],
  ];

  it.each(cases)('%s', async (_, script, occupy) => {
    tables.onCompletion(script);
    const orchestrator = await startWith({ WORKER_SLOTS: '1' });
    await occupy(orchestrator);
    await untilFree(orchestrator);
    tables.onCompletion((exchange) => exchange.answer({ text: questionOf(exchange) }));
    expect(await completeWhole(orchestrator, 'second')).toBe('second');
    expect(await runToEnd(orchestrator, 'third')).toBe('third');
    await untilFree(orchestrator);
  });

  it('has gone from this process, which takes it again while it does not know: no slot is lost, none is given twice', async () => {
    tables.onCompletion(hold);
    const orchestrator = await startWith({ WORKER_SLOTS: '2', SWEEP_INTERVAL_MS: '60000' });
    await startRun(orchestrator, 'first');
    await tables.nextCompletion();
    // From here on the former attempt has nothing to write.
    await vi.waitFor(async () => expect(await database.query("SELECT 1 FROM run_events WHERE type = 'chunk'")).toHaveLength(1));
    await database.query("UPDATE runs SET lease_until = now() - interval '1 second'");
    await orchestrator.deps.sweeper.sweep();
    const again = await tables.nextCompletion();
    // The former attempt learns that it has lost the run; the new one still has its slot.
    await orchestrator.nextLine('run.left');
    await vi.waitFor(() => expect(orchestrator.deps.slots.used('cpu')).toBe(1));
    again.finish();
    await untilStatus(database, 'completed');
    await untilFree(orchestrator);
  });

  it('is refused, because its id is taken: the slot of the run that has the id stays taken', async () => {
    tables.onCompletion(hold);
    // A look into the queue holds a slot for a moment.
    const orchestrator = await startWith({ WORKER_SLOTS: '2', QUEUE_POLL_MS: '3600000' });
    const headers = headersOf();
    const first = await orchestrator.complete(ask('first', { stream: true }), { headers });
    const exchange = await tables.nextCompletion();
    expect((await orchestrator.complete(ask('second'), { headers })).status).toBe(409);
    expect(orchestrator.deps.slots.used('cpu')).toBe(1);
    exchange.finish();
    await first.text();
    await untilFree(orchestrator);
  });
});

describe('an agent that needs a slot of a kind', () => {
  let vision: FakeAgent;
  beforeEach(async () => {
    vision = await startFakeAgent({ id: 'vision', slotType: 'gpu' });
  });
  afterEach(() => vision.close());

  const sight = { model: 'rubot/vision' };

  function startKind(slots: string, planner = planOf({ id: 's1', agent: 'vision' })): Promise<Orchestrator> {
    return startOrchestrator({ agents: [tables, vision], database, planner, env: { WORKER_SLOTS: slots } });
  }

  it('waits without one, and holds up nobody who needs another kind', async () => {
    const common = await startKind('cpu:1');
    const runId = await startRun(common, 'see');
    const direct = common.complete(ask('look', { ...sight, stream: true }), { headers: headersOf() });
    for (const question of ['one', 'two']) {
      const answer = await common.complete(ask(question, { model: 'rubot/tables' }), { headers: headersOf() });
      expect(contentOf(await readCompletion(answer))).toBe('answer of tables');
    }
    expect(vision.completions).toHaveLength(0);
    const rare = await startKind('gpu:1');
    expect((await readStream(await direct)).text).toBe('answer of vision');
    await untilStatus(database, 'completed');
    expect(rare.linesOf('run.worked').map((line) => line.run_id)).toContain(runId);
    expect(common.linesOf('slice.completed').filter((line) => line.extra?.['agent_id'] === 'vision')).toHaveLength(0);
  });

  it('is chosen by the planner: the run moves to where one is, plan and all, and its reader with it', async () => {
    const planner = planOf({ id: 's1', agent: 'vision' });
    const otherPlanner = planOf({ id: 's1', agent: 'tables' });
    const common = await startKind('cpu:1', planner);
    const rare = await startKind('gpu:1', otherPlanner);
    vision.onCompletion((exchange) => exchange.sendText('I see'));
    const response = common.complete(ask('look', { stream: true }), { headers: headersOf() });
    const exchange = await vision.nextCompletion();
    await untilFree(common);
    expect(rare.deps.slots.used('gpu')).toBe(1);
    const hearing = createHearing(await response);
    await hearing.until('I see');
    exchange.sendText(' it all.');
    exchange.finish();
    expect(await hearing.toEnd()).toMatch(/it all\.[\s\S]*"finish_reason":"stop"[\s\S]*\[DONE\]/);
    expect([planner.questions.length, otherPlanner.questions.length]).toEqual([1, 0]);
    expect(await database.query('SELECT slot_type, status, crash_count, failure_count FROM runs')).toEqual([
      { slot_type: 'gpu', status: 'completed', crash_count: 0, failure_count: 0 },
    ]);
  });

  it('is chosen for somebody who does not wait for the slot: the run is not begun for nobody', async () => {
    const common = await startKind('cpu:2');
    const client = new AbortController();
    const left = expect(common.complete(ask('look'), { headers: headersOf(), signal: client.signal })).rejects.toThrow();
    await vi.waitFor(async () =>
      expect(await database.query("SELECT 1 FROM runs WHERE slot_type = 'gpu' AND status = 'queued'")).toHaveLength(1),
    );
    client.abort();
    await left;
    await untilStatus(database, 'cancelled');
    const rare = await startKind('gpu:1');
    await runToEnd(rare, 'another');
    expect(vision.completions).toHaveLength(1);
  });

  it('has its run on the process that has both kinds', async () => {
    const both = await startKind('cpu:1,gpu:1');
    const runId = await startRun(both, 'look');
    expect(textOf(await readEvents(both, runId))).toBe('answer of vision');
    expect((await readRun(both, runId)).status).toBe('completed');
    await untilFree(both);
  });
});

it('a client may say what it wants of its place, and nothing that is none', async () => {
  const orchestrator = await startWith({});
  const response = await orchestrator.complete(ask('hi'), { headers: headersOf({ headers: { [HEADERS.priority]: 'urgent' } }) });
  expect(response.status).toBe(400);
});
