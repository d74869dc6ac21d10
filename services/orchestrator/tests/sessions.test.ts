import { HEADERS } from '@rubot/contracts/headers';
import { newRunId } from '@rubot/http/run-id';
import { type FakeAgent, startFakeAgent } from '@rubot/testkit/fake-agent';
import { followPlan } from '@rubot/testkit/fake-agent/follow-plan';
import type { ModelExchange } from '@rubot/testkit/model-upstream';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type DatabaseOfTest, openTestDatabase } from './_database.ts';
import { ask, contentOf, gatewayHeaders, type Orchestrator, readCompletion, readError, readStream, startOrchestrator } from './_harness.ts';
import { startReplica } from './_process.ts';
import { askRuns, readEvents, textOf } from './_runs.ts';
import { countRows, headersOf, questionOf, type Sending, startRun, untilStatus } from './_sending.ts';

let tables: FakeAgent;
let database: DatabaseOfTest;
beforeEach(async () => {
  tables = await startFakeAgent({ id: 'tables' });
  tables.onCompletion((exchange) => exchange.answer({ text: `answer to ${questionOf(exchange)}` }));
  database = await openTestDatabase();
});
afterEach(() => tables.close());

function start(env: Record<string, string> = {}): Promise<Orchestrator> {
  return startOrchestrator({ agents: [tables], database, env: { SESSION_MEMORY: 'session', ...env } });
}

function say(orchestrator: Orchestrator, question: string, sending: Sending = {}): Promise<Response> {
  return orchestrator.complete(ask(question), { headers: headersOf(sending) });
}

async function hear(orchestrator: Orchestrator, question: string, sending: Sending = {}): Promise<string> {
  return contentOf(await readCompletion(await say(orchestrator, question, sending)));
}

/** The conversation as the agent was told it, in short. */
function toldTo({ body }: ModelExchange): string[] {
  return (body['messages'] as { role: string; content: string }[]).map(({ role, content }) => `${role}: ${content}`);
}

const INTERRUPT: Sending = { headers: { [HEADERS.sessionStrategy]: 'interrupt' } };
const REJECT: Sending = { headers: { [HEADERS.sessionStrategy]: 'reject' } };

/** The agent holds its first answer back until the test ends it. */
async function holdFirst(question: string): Promise<{ next(): Promise<ModelExchange> }> {
  tables.onCompletion((exchange) => {
    tables.onCompletion((next) => next.answer({ text: `answer to ${questionOf(next)}` }));
    exchange.sendText('begun');
  });
  return {
    // Those before it may not have been taken.
    async next() {
      for (;;) {
        const exchange = await tables.nextCompletion();
        if (questionOf(exchange) === question) return exchange;
      }
    },
  };
}

describe('a remembered session', () => {
  it('gives the whole conversation to the agent, of which a client sends its newest message alone', async () => {
    const orchestrator = await start();
    await hear(orchestrator, 'one');
    await readStream(await orchestrator.complete(ask('two', { stream: true }), { headers: headersOf() }));
    const runId = await startRun(orchestrator, 'three');
    expect(textOf(await readEvents(orchestrator, runId))).toBe('answer to three');
    expect(tables.completions.map(toldTo)).toEqual([
      ['user: one'],
      ['user: one', 'assistant: answer to one', 'user: two'],
      ['user: one', 'assistant: answer to one', 'user: two', 'assistant: answer to two', 'user: three'],
    ]);
  });

  it('is asked for by a header where it is not the rule, and can be gone without where it is', async () => {
    const remember: Sending = { headers: { [HEADERS.memory]: 'session' } };
    const forget: Sending = { headers: { [HEADERS.memory]: 'none' } };
    const forgetful = await start({ SESSION_MEMORY: 'none' });
    await hear(forgetful, 'unheard');
    await hear(forgetful, 'one', remember);
    await hear(forgetful, 'two', remember);
    const mindful = await start();
    await hear(mindful, 'alone', forget);
    await hear(mindful, 'three');
    expect(tables.completions.map(toldTo).map((told) => told.length)).toEqual([1, 1, 3, 1, 5]);
    expect(toldTo(tables.completions[4]!)).not.toContain('user: alone');
  });

  it('keeps instructions in front of what they are for, and keeps what the client said as it said it', async () => {
    const orchestrator = await start();
    const messages = [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'one' },
    ];
    await readCompletion(await orchestrator.complete({ model: 'rubot', messages }, { headers: headersOf() }));
    const next = [
      { role: 'developer', content: 'Be long.' },
      { role: 'user', content: 'two' },
    ];
    await readCompletion(await orchestrator.complete({ model: 'rubot', messages: next }, { headers: headersOf() }));
    expect(toldTo(tables.completions[1]!)).toEqual([
      'developer: Be long.',
      'system: Be brief.',
      'user: one',
      'assistant: answer to one',
      'user: two',
    ]);
  });

  it('keeps what was called and what came of it: a client goes on with results of its own tools', async () => {
    const call = { id: 'call_1', type: 'function' as const, function: { name: 'clock', arguments: '{}' } };
    tables.onCompletion((exchange) => exchange.answer({ toolCalls: [{ id: 'call_1', name: 'clock', arguments: {} }] }));
    const orchestrator = await start();
    await readCompletion(await say(orchestrator, 'what time is it?'));
    tables.onCompletion((exchange) => exchange.answer({ text: 'Noon.' }));
    const messages = [{ role: 'tool', tool_call_id: 'call_1', content: '12:00' }];
    await readCompletion(await orchestrator.complete({ model: 'rubot', messages }, { headers: headersOf() }));
    expect(tables.completions[1]?.body['messages']).toEqual([
      { role: 'user', content: 'what time is it?' },
      expect.objectContaining({ role: 'assistant', content: null, tool_calls: [call] }),
      { role: 'tool', tool_call_id: 'call_1', content: '12:00' },
    ]);
  });

  it('is its tenant’s and its own', async () => {
    const orchestrator = await start();
    await hear(orchestrator, 'of acme', { sessionId: 'one' });
    await hear(orchestrator, 'of another tenant', { sessionId: 'one', tenantId: 'other' });
    await hear(orchestrator, 'of another session', { sessionId: 'two' });
    expect(tables.completions.map(toldTo)).toEqual([['user: of acme'], ['user: of another tenant'], ['user: of another session']]);
    await hear(orchestrator, 'again', { sessionId: 'one' });
    expect(toldTo(tables.completions[3]!)).toEqual(['user: of acme', 'assistant: answer to of acme', 'user: again']);
  });

  it('keeps nothing of a run that has failed or was cancelled, and lets the next one speak', async () => {
    const orchestrator = await start();
    await hear(orchestrator, 'one');
    tables.onCompletion((exchange) => {
      exchange.sendText('half');
      exchange.cut('reset');
    });
    expect((await say(orchestrator, 'failed')).status).toBe(502);
    const held = await holdFirst('cancelled');
    const runId = newRunId();
    const cancelled = say(orchestrator, 'cancelled', { runId });
    const exchange = await held.next();
    const waiting = hear(orchestrator, 'two');
    await untilStatus(database, 'queued', 1);
    expect((await askRuns(orchestrator, `/${runId}/cancel`, { method: 'POST' })).status).toBe(200);
    await exchange.aborted;
    expect((await cancelled).status).toBe(499);
    expect(await waiting).toBe('answer to two');
    expect(toldTo(tables.completions.at(-1)!)).toEqual(['user: one', 'assistant: answer to one', 'user: two']);
    expect(await database.query('SELECT turn, messages FROM session_turns ORDER BY turn')).toHaveLength(2);
    expect(await database.query('SELECT active_run_id, turn_count FROM sessions')).toEqual([{ active_run_id: null, turn_count: 2 }]);
  });
});

describe('messages of one session', () => {
  it('are answered one after the other, in the order in which they came, each with all before it, whichever replica has it', async () => {
    const MESSAGES = 10;
    const orders: string[] = [];
    tables.onCompletion(async (exchange) => {
      orders.push(questionOf(exchange));
      await new Promise((resolve) => setImmediate(resolve));
      exchange.answer({ text: `answer to ${questionOf(exchange)}` });
    });
    const replicas = [await start(), await start()];
    const answers = await Promise.all(Array.from({ length: MESSAGES }, (_, index) => hear(replicas[index % 2]!, `message ${index}`)));
    expect(answers).toEqual(Array.from({ length: MESSAGES }, (_, index) => `answer to message ${index}`));
    expect(orders).toHaveLength(MESSAGES);
    for (const [position, exchange] of tables.completions.entries()) {
      const earlier = orders.slice(0, position).flatMap((question) => [`user: ${question}`, `assistant: answer to ${question}`]);
      expect(toldTo(exchange)).toEqual([...earlier, `user: ${orders[position]}`]);
    }
    expect(await database.query('SELECT active_run_id, turn_count FROM sessions')).toEqual([{ active_run_id: null, turn_count: MESSAGES }]);
    expect((await countRows(database))['tickets']).toBe(0);
  });

  it('keep their order when they come one by one behind a long answer', async () => {
    const held = await holdFirst('first');
    const replicas = [await start(), await start()];
    const first = hear(replicas[0]!, 'first');
    const exchange = await held.next();
    const runIds: string[] = [];
    for (let index = 0; index < 6; index += 1) runIds.push(await startRun(replicas[index % 2]!, `message ${index}`));
    expect(await database.query('SELECT 1 FROM pgboss.job')).toHaveLength(0);
    exchange.finish();
    expect(await first).toBe('begun');
    await untilStatus(database, 'completed', 7);
    expect(tables.completions.map(questionOf)).toEqual(['first', ...runIds.map((_, index) => `message ${index}`)]);
  });

  it('hold up no other session', async () => {
    const held = await holdFirst('first');
    const orchestrator = await start();
    const first = hear(orchestrator, 'first', { sessionId: 'one' });
    const exchange = await held.next();
    expect(await hear(orchestrator, 'other', { sessionId: 'two' })).toBe('answer to other');
    exchange.finish();
    await first;
  });

  it('are refused while one is answered, where that is asked for, before anything is written', async () => {
    const held = await holdFirst('first');
    const orchestrator = await start();
    const runId = newRunId();
    const first = hear(orchestrator, 'first', { runId });
    const exchange = await held.next();
    // What has been said is written a moment later.
    await vi.waitFor(async () => expect(await countRows(database)).toMatchObject({ events: 2 }), { timeout: 10_000 });
    const before = await countRows(database);
    const refused = await say(orchestrator, 'second', REJECT);
    expect(await readError(refused)).toMatchObject({
      status: 409,
      code: 'conflict',
      param: HEADERS.sessionStrategy,
      message: expect.stringContaining(runId),
    });
    expect(await countRows(database)).toEqual(before);
    exchange.finish();
    await first;
    expect(await hear(orchestrator, 'second', REJECT)).toBe('answer to second');
    expect(toldTo(tables.completions[1]!)).toEqual(['user: first', 'assistant: begun', 'user: second']);
  });

  it('cancel what is answered and what waits, where that is asked for, and are answered themselves', async () => {
    const held = await holdFirst('first');
    const replicas = [await start(), await start()];
    const first = replicas[0]!.complete(ask('first', { stream: true }), { headers: headersOf() });
    const exchange = await held.next();
    const second = say(replicas[1]!, 'second');
    await untilStatus(database, 'queued', 1);
    expect(await hear(replicas[1]!, 'third', INTERRUPT)).toBe('answer to third');
    await exchange.aborted;
    expect((await readStream(await first)).error?.code).toMatch(/^(?:conflict|cancelled)$/);
    expect((await second).status).toBe(499);
    expect(tables.completions.map(toldTo)).toEqual([['user: first'], ['user: third']]);
    expect(await database.query('SELECT status, count(*)::integer FROM runs GROUP BY status ORDER BY status')).toEqual([
      { status: 'cancelled', count: 2 },
      { status: 'completed', count: 1 },
    ]);
    await vi.waitFor(() => expect(replicas.map(({ deps }) => deps.slots.used('cpu'))).toEqual([0, 0]));
    expect(await hear(replicas[0]!, 'fourth')).toBe('answer to fourth');
  });

  it('wait for a person’s decision with the run that waits for it', async () => {
    const plan = [{ text: 'Look.', calls: [{ id: 'a', needsApproval: true }] }, { text: 'Done.' }];
    tables.onCompletion(followPlan(plan, { runCall: () => 'effect' }));
    const orchestrator = await start();
    const runId = await startRun(orchestrator, 'act');
    await untilStatus(database, 'requires_action', 1);
    const next = await startRun(orchestrator, 'and then?');
    tables.onCompletion((exchange) =>
      questionOf(exchange) === 'act' ? followPlan(plan, { runCall: () => 'effect' })(exchange) : exchange.answer({ text: 'then' }),
    );
    expect(await database.query("SELECT 1 FROM runs WHERE status = 'queued'")).toHaveLength(1);
    const decided = await fetch(`${orchestrator.url}/v1/runs/${runId}/approvals/a`, {
      method: 'POST',
      headers: gatewayHeaders(),
      body: JSON.stringify({ decision: 'approve' }),
    });
    expect(decided.status).toBe(200);
    expect(textOf(await readEvents(orchestrator, next))).toBe('then');
    expect(toldTo(tables.completions.at(-1)!)).toEqual(['user: act', 'assistant: Look.\n\nDone.', 'user: and then?']);
  });

  it('outlive a process that dies between them', async () => {
    const env = { RUN_LEASE_MS: '600', RUN_HEARTBEAT_MS: '200', SWEEP_INTERVAL_MS: '100', SESSION_MEMORY: 'session' };
    const dying = await startReplica({ databaseUrl: database.url, registry: { tables: tables.origin }, env });
    const staying = await start({ ...env, WORKER_SLOTS: '1' });
    await hear(staying, 'one');
    tables.onCompletion((exchange) => exchange.sendText('unfinished'));
    const cut = dying.complete(newRunId(), ask('two')).catch(() => {});
    for (let count = tables.completions.length; count < 2; count = tables.completions.length) await tables.nextCompletion();
    const third = startRun(dying, 'three');
    await third;
    tables.onCompletion((exchange) => exchange.answer({ text: `answer to ${questionOf(exchange)}` }));
    dying.process.kill('SIGKILL');
    await untilStatus(database, 'completed', 3);
    await cut;
    expect(toldTo(tables.completions.at(-1)!)).toEqual([
      'user: one',
      'assistant: answer to one',
      'user: two',
      'assistant: answer to two',
      'user: three',
    ]);
  });

  it('give their turn on when their client leaves before it comes', async () => {
    const held = await holdFirst('first');
    const orchestrator = await start();
    const first = hear(orchestrator, 'first');
    const exchange = await held.next();
    const client = new AbortController();
    const left = expect(orchestrator.complete(ask('left'), { headers: headersOf(), signal: client.signal })).rejects.toThrow();
    await untilStatus(database, 'queued', 1);
    const third = hear(orchestrator, 'third');
    await untilStatus(database, 'queued', 2);
    client.abort();
    await left;
    await untilStatus(database, 'cancelled', 1);
    exchange.finish();
    await first;
    expect(await third).toBe('answer to third');
    expect(tables.completions.map(questionOf)).toEqual(['first', 'third']);
  });
});
