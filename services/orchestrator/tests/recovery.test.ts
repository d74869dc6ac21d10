import { HEADERS } from '@rubot/contracts/headers';
import { type FakeAgent, startFakeAgent, toStepFrame } from '@rubot/testkit/fake-agent';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type DatabaseOfTest, openTestDatabase, postgresOfFile } from './_database.ts';
import { ask, type Orchestrator, planOf, RUN_ID, readError, readStream, startOrchestrator, TRACE_ID } from './_harness.ts';
import { type Replica, startReplica } from './_process.ts';
import { readEvents, readRun, textOf } from './_runs.ts';

const LEASE = { RUN_LEASE_MS: '600', RUN_HEARTBEAT_MS: '200', SWEEP_INTERVAL_MS: '100' };
const USAGE = { prompt_tokens: 5, completion_tokens: 3, total_tokens: 8 };

let tables: FakeAgent;
let database: DatabaseOfTest;
beforeEach(async () => {
  tables = await startFakeAgent({ id: 'tables' });
  database = await openTestDatabase();
});
afterEach(() => tables.close());

/** A step in which a tool was called: the answer goes on behind it. */
function toolStep(index: number, text: string | null = null) {
  const calls = [{ id: `call_${index}`, type: 'function' as const, function: { name: 'tables_query', arguments: '{}' } }];
  return {
    index,
    messages: [
      { role: 'assistant' as const, content: text, tool_calls: calls },
      { role: 'tool' as const, tool_call_id: `call_${index}`, content: `result ${index}` },
    ],
    usage: USAGE,
  };
}

/** The last step of an answer, in which no tool was called. */
function lastStep(index: number, text: string) {
  return { index, messages: [{ role: 'assistant' as const, content: text }], usage: USAGE, finish_reason: 'stop' };
}

function startFirst(env: Record<string, string> = {}): Promise<Replica> {
  return startReplica({ databaseUrl: database.url, registry: { tables: tables.origin }, env: { ...LEASE, ...env } });
}

/** Another replica, in this process, that looks for runs that were left. */
function startSecond(): Promise<Orchestrator> {
  return startOrchestrator({ agents: [tables], database, env: LEASE });
}

function untilSteps(count: number): Promise<void> {
  return vi.waitFor(async () => expect((await database.findRun(RUN_ID))?.stepCount).toBe(count), { timeout: 5_000, interval: 20 });
}

describe('a process that is killed', () => {
  it('costs its run nothing: another goes on from the last step, and its reader reads on to the end', async () => {
    tables.onCompletion((exchange) => {
      exchange.sendText('First I look.');
      exchange.sendRaw(toStepFrame(toolStep(0, 'First I look.')));
      exchange.sendText(' Now half a sen');
    });
    const first = await startFirst();
    const second = await startSecond();
    const response = await first.complete(RUN_ID, ask('how many?', { stream: true }));
    const read = readEvents(second, RUN_ID);
    const interrupted = await tables.nextCompletion();
    await untilSteps(1);

    tables.onCompletion(() => {});
    first.process.kill('SIGKILL');
    await expect(response.text()).rejects.toThrow();
    await interrupted.aborted;
    const resumed = await tables.nextCompletion();
    expect(resumed.body['messages']).toEqual([{ role: 'user', content: 'how many?' }, ...toolStep(0, 'First I look.').messages]);
    expect(resumed.headers).toMatchObject({
      [HEADERS.runId]: RUN_ID,
      [HEADERS.tenantId]: 'acme',
      [HEADERS.dataBearer]: 'the-data-bearer',
      [HEADERS.sliceId]: 's1',
    });
    resumed.sendText('There are 7.');
    resumed.sendRaw(toStepFrame(lastStep(1, 'There are 7.')));
    resumed.finish();

    const events = await read;
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
    expect(events.filter(({ type }) => type === 'restart')).toMatchObject([{ data: { attempt: 2 } }]);
    expect(textOf(events)).toBe('First I look.\n\nThere are 7.');
    expect(events.at(-1)).toMatchObject({ type: 'end', data: { status: 'completed', error: null } });
    expect(events.filter(({ type }) => type === 'step').map(({ data }) => data['index'])).toEqual([0, 1]);
    const usage = (await readRun(second, RUN_ID)).usage;
    expect(usage?.total_tokens).toBeGreaterThan(USAGE.total_tokens);
    expect(second.linesOf('run.requeued')).toHaveLength(1);
    expect(await second.nextLine('run.worked')).toMatchObject({ run_id: RUN_ID, trace_id: TRACE_ID });
  });

  it('asks nobody anything again when the last step was done', async () => {
    tables.onCompletion((exchange) => {
      exchange.sendText('All of it.');
      exchange.sendRaw(toStepFrame(lastStep(0, 'All of it.')));
    });
    const first = await startFirst();
    const second = await startSecond();
    const broken = first.complete(RUN_ID, ask('hi')).catch(() => {});
    await untilSteps(1);
    first.process.kill('SIGKILL');
    await broken;
    const events = await readEvents(second, RUN_ID);
    expect(textOf(events)).toBe('All of it.');
    expect(events.at(-1)).toMatchObject({ data: { status: 'completed', usage: USAGE } });
    expect(tables.completions).toHaveLength(1);
  });

  it('leaves the plan behind it: the planner is not asked again, and slices that were done are not', async () => {
    const chat = await startFakeAgent({ id: 'chat' });
    tables.onCompletion((exchange) => {
      exchange.sendText('of tables');
      exchange.sendRaw(toStepFrame(lastStep(0, 'of tables')));
      exchange.finish();
    });
    chat.onCompletion(() => {});
    const planner = planOf({ id: 's1', agent: 'tables' }, { id: 's2', agent: 'chat', after: ['s1'] });
    const first = await startOrchestrator({ agents: [tables, chat], planner, database });
    const left = first.complete(ask('two things', { stream: true })).then((response) => response.text());
    const waiting = await chat.nextCompletion();
    await database.query("UPDATE runs SET lease_until = now() - interval '1 second'");
    const secondPlanner = planOf({ id: 's1', agent: 'chat' });
    const second = await startOrchestrator({ agents: [tables, chat], planner: secondPlanner, database });
    await second.deps.sweeper.sweep();
    const resumed = await chat.nextCompletion();
    expect(JSON.stringify(resumed.body['messages'])).toContain('of tables');
    resumed.answer({ text: 'of chat' });
    expect(textOf(await readEvents(second, RUN_ID))).toBe('### tables\n\nof tables\n\n### chat\n\nof chat');
    expect([planner.questions.length, secondPlanner.questions.length, tables.completions.length]).toEqual([1, 0, 1]);

    // The first, which has not heard of it, has nothing more to say.
    waiting.answer({ text: 'too late' });
    expect(await left).toContain('"code":"conflict"');
    expect(textOf(await readEvents(second, RUN_ID))).not.toContain('too late');
    await chat.close();
  });

  it('three times, is taken for the fault of the run, which then fails', async () => {
    tables.onCompletion(() => {});
    const orchestrator = await startOrchestrator({ agents: [tables], database });
    const answer = orchestrator.complete(ask('hi')).catch(() => {});
    await tables.nextCompletion();
    for (let crash = 1; crash <= 3; crash += 1) {
      await database.query("UPDATE runs SET lease_until = now() - interval '1 second'");
      const next = await startOrchestrator({ agents: [tables], database });
      await next.deps.sweeper.sweep();
      if (crash < 3) await tables.nextCompletion();
    }
    await vi.waitFor(async () =>
      expect((await database.findRun(RUN_ID))?.outcome).toMatchObject({ status: 'failed', errorCode: 'run_crashed' }),
    );
    const events = await readEvents(orchestrator, RUN_ID);
    expect(events.map(({ type }) => type)).toEqual(['start', 'restart', 'restart', 'end']);
    await orchestrator.deps.activeRuns.stop();
    await answer;
  });
});

describe('a process that is stopped and goes on', () => {
  it('has lost its runs to another, and writes nothing more into them', async () => {
    const ROUNDS = 5;
    let fenced = 0;
    tables.onCompletion((exchange) => exchange.sendText('begun '));
    const first = await startFirst({ RUN_HEARTBEAT_MS: '300' });
    const second = await startSecond();
    for (let round = 0; round < ROUNDS; round += 1) {
      const runId = `run_${String(round).padStart(32, '0')}`;
      const answer = first.complete(runId, ask('hi', { stream: true })).then((response) => response.text());
      const zombie = await tables.nextCompletion();
      await vi.waitFor(async () => expect((await database.findRun(runId))?.lastSeq).toBeGreaterThan(1));
      first.process.kill('SIGSTOP');
      const resumed = await tables.nextCompletion();
      resumed.sendText('by the second');
      resumed.finish();
      const events = await readEvents(second, runId);
      first.process.kill('SIGCONT');
      zombie.sendText('by the dead');
      zombie.sendRaw(toStepFrame(toolStep(0, 'by the dead')));
      expect(await answer).toContain('"code":"conflict"');
      expect(textOf(events)).toBe('begun by the second');
      expect(await readEvents(second, runId)).toEqual(events);
      expect(await database.findRun(runId)).toMatchObject({ attempt: 2, stepCount: 0, outcome: { status: 'completed' } });
      fenced += 1;
    }
    expect(fenced).toBe(ROUNDS);
  }, 60_000);

  it('in order, hands its runs over at once, and no crash is counted', async () => {
    tables.onCompletion((exchange) => exchange.sendText('begun '));
    const first = await startFirst({ RUN_LEASE_MS: '60000', DRAIN_TIMEOUT_MS: '50' });
    const second = await startSecond();
    const told = first.complete(RUN_ID, ask('hi', { stream: true })).then(readStream);
    await tables.nextCompletion();
    first.process.kill('SIGTERM');
    const resumed = await tables.nextCompletion();
    resumed.sendText('and done');
    resumed.finish();
    expect((await readEvents(second, RUN_ID)).at(-1)).toMatchObject({ type: 'end', data: { status: 'completed' } });
    expect(await database.query('SELECT crash_count, attempt FROM runs')).toEqual([{ crash_count: 0, attempt: 2 }]);
    expect(await first.exited).toEqual([0, null]);
    expect((await told).error).toMatchObject({ code: 'unavailable', message: expect.stringContaining(`/v1/runs/${RUN_ID}/events`) });
  });
});

describe('a database that goes', () => {
  it('costs a request a clear refusal before anything is begun, a run a new attempt, and nobody a restart', async () => {
    tables.onCompletion((exchange) => exchange.sendText('begun '));
    const orchestrator = await startOrchestrator({ agents: [tables], database, env: LEASE });
    await orchestrator.deps.directory.health.checkAll();
    const readiness = async () => (await fetch(`${orchestrator.url}/readyz`)).status;
    expect(await readiness()).toBe(200);
    const response = await orchestrator.complete(ask('hi', { stream: true }));
    const interrupted = await tables.nextCompletion();
    await vi.waitFor(async () => expect((await database.findRun(RUN_ID))?.lastSeq).toBe(2));

    await postgresOfFile().stop('immediate');
    interrupted.sendText('unwritten');
    expect((await readStream(response)).error).toMatchObject({ code: 'unavailable' });
    expect(await readiness()).toBe(503);
    const refused = await orchestrator.complete(ask('hi'), { headers: { [HEADERS.runId]: `run_${'0c'.repeat(16)}` } });
    expect(refused.headers.get('retry-after')).toBe('1');
    expect(await readError(refused)).toMatchObject({ status: 503, code: 'unavailable' });
    expect(tables.completions).toHaveLength(1);

    await postgresOfFile().start();
    const resumed = await tables.nextCompletion();
    resumed.sendText('and done');
    resumed.finish();
    const events = await readEvents(orchestrator, RUN_ID);
    expect(textOf(events)).toBe('begun and done');
    expect(events.at(-1)).toMatchObject({ type: 'end', data: { status: 'completed' } });
    // Nobody has died of it.
    expect(await database.query('SELECT crash_count FROM runs WHERE run_id = $1', [RUN_ID])).toEqual([{ crash_count: 0 }]);
    expect(await readiness()).toBe(200);
  }, 60_000);
});
