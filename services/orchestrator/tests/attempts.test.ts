import { HEADERS } from '@rubot/contracts/headers';
import { type FakeAgent, startFakeAgent, toStepFrame } from '@rubot/testkit/fake-agent';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
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
import { type ReadEvent, readEvents, readRun, textOf } from './_runs.ts';

const USAGE = { prompt_tokens: 5, completion_tokens: 3, total_tokens: 8 };

let tables: FakeAgent;
let chat: FakeAgent;
beforeEach(async () => {
  tables = await startFakeAgent({ id: 'tables' });
  chat = await startFakeAgent({ id: 'chat' });
});
afterEach(() => Promise.all([tables.close(), chat.close()]));

/** Begins a run for which nobody waits, and reads it to its end. */
async function runToEnd(orchestrator: Orchestrator): Promise<ReadEvent[]> {
  const created = await fetch(`${orchestrator.url}/v1/runs`, {
    method: 'POST',
    headers: gatewayHeaders(),
    body: JSON.stringify(ask('two things')),
  });
  expect(created.status).toBe(202);
  return readEvents(orchestrator, RUN_ID);
}

const turnsOf = (events: readonly ReadEvent[]) => events.map(({ type }) => type).filter((type) => type !== 'chunk' && type !== 'step');

function refuseOnce(agent: FakeAgent, code: string, status: number): void {
  agent.onCompletion((exchange) => {
    agent.onCompletion((next) => next.answer({ text: `answer of ${agent.id}` }));
    exchange.refuse(status, JSON.stringify({ error: { message: 'It failed.', type: 'server_error', param: null, code } }));
  });
}

describe('an attempt of a run that nobody waits for', () => {
  it('is followed by another when what failed may pass; the planner and finished steps are not paid for again', async () => {
    const planner = planOf({ id: 's1', agent: 'tables' }, { id: 's2', agent: 'chat', after: ['s1'] });
    tables.onCompletion((exchange) => {
      tables.onCompletion((next) => next.answer({ text: 'There are 7.' }));
      exchange.sendText('First I look.');
      const calls = [{ id: 'a', type: 'function' as const, function: { name: 'read', arguments: '{}' } }];
      const messages = [
        { role: 'assistant' as const, content: 'First I look.', tool_calls: calls },
        { role: 'tool' as const, tool_call_id: 'a', content: 'r' },
      ];
      exchange.sendRaw(toStepFrame({ index: 0, messages, usage: USAGE }));
      exchange.cut('reset');
    });
    const orchestrator = await startOrchestrator({ agents: [tables, chat], planner });
    const events = await runToEnd(orchestrator);
    expect(turnsOf(events)).toEqual(['start', 'retry', 'restart', 'end']);
    expect(events.find(({ type }) => type === 'retry')?.data).toMatchObject({ reason: { code: 'stream_interrupted' } });
    expect(textOf(events)).toBe('### tables\n\nFirst I look.\n\nThere are 7.\n\n### chat\n\nanswer of chat');
    expect(await readRun(orchestrator, RUN_ID)).toMatchObject({ status: 'completed', attempt: 2 });
    expect([planner.questions.length, tables.completions.length, chat.completions.length]).toEqual([1, 2, 1]);
    expect(orchestrator.linesOf('run.completed')).toHaveLength(1);
  });

  it('keeps its plan also when it said nothing', async () => {
    const planner = planOf({ id: 's1', agent: 'tables' });
    refuseOnce(tables, 'unavailable', 503);
    const orchestrator = await startOrchestrator({ agents: [tables, chat], planner });
    expect(textOf(await runToEnd(orchestrator))).toBe('answer of tables');
    expect([planner.questions.length, tables.completions.length]).toEqual([1, 2]);
  });

  it.each([
    ['invalid_request', 400],
    ['forbidden', 403],
    ['misconfigured', 500],
  ])('is the last when it would fail of %s again', async (code, status) => {
    refuseOnce(tables, code, status);
    const orchestrator = await startOrchestrator({ agents: [tables] });
    expect(turnsOf(await runToEnd(orchestrator))).toEqual(['start', 'end']);
    expect(await readRun(orchestrator, RUN_ID)).toMatchObject({ status: 'failed', error: { code } });
    expect(tables.completions).toHaveLength(1);
  });

  it.each([
    ['is followed by another when an agent took too long', '900000', ['start', 'retry', 'restart', 'end']],
    ['is the last when an agent saw first that all of its time was up', '1000', ['start', 'end']],
  ])('%s', async (_, timeoutMs, turns) => {
    refuseOnce(tables, 'deadline_exceeded', 504);
    const orchestrator = await startOrchestrator({ agents: [tables], env: { RUN_TIMEOUT_MS: timeoutMs } });
    expect(turnsOf(await runToEnd(orchestrator))).toEqual(turns);
  });

  it('is the last when its time was up: it would be up again', async () => {
    tables.onCompletion(() => {});
    const orchestrator = await startOrchestrator({ agents: [tables], env: { RUN_TIMEOUT_MS: '1000' } });
    expect(turnsOf(await runToEnd(orchestrator))).toEqual(['start', 'end']);
    expect(await readRun(orchestrator, RUN_ID)).toMatchObject({ status: 'failed', error: { code: 'deadline_exceeded' } });
  });

  it('keeps a reader who stayed and has heard nothing yet: the answer is that of the attempt that gave one', async () => {
    refuseOnce(tables, 'unavailable', 503);
    const orchestrator = await startOrchestrator({ agents: [tables] });
    const response = await orchestrator.complete(ask('hi'), { headers: { [HEADERS.onDisconnect]: 'continue' } });
    expect(contentOf(await readCompletion(response))).toBe('answer of tables');
    const events = await readEvents(orchestrator, RUN_ID);
    expect([turnsOf(events), textOf(events)]).toEqual([['start', 'retry', 'restart', 'end'], 'answer of tables']);
  });

  it('tells a reader who has heard something that it failed, and not to ask again, as it goes on', async () => {
    let asked = 0;
    tables.onCompletion((exchange) => {
      asked += 1;
      exchange.sendText('half of it');
      if (asked === 1) exchange.cut('reset');
      else exchange.finish();
    });
    const orchestrator = await startOrchestrator({ agents: [tables] });
    const stream = await orchestrator.complete(ask('hi', { stream: true }), { headers: { [HEADERS.onDisconnect]: 'continue' } });
    expect(await readStream(stream)).toMatchObject({ text: 'half of it', isDone: false, error: { code: 'stream_interrupted' } });
    const events = await readEvents(orchestrator, RUN_ID);
    expect(turnsOf(events)).toEqual(['start', 'retry', 'restart', 'end']);
  });
});

it('an answer that somebody waits for is not tried again behind their back', async () => {
  refuseOnce(tables, 'unavailable', 503);
  const orchestrator = await startOrchestrator({ agents: [tables] });
  const response = await orchestrator.complete(ask('hi'));
  expect([response.status, (await readError(response)).code]).toEqual([503, 'unavailable']);
  expect(await readRun(orchestrator, RUN_ID)).toMatchObject({ status: 'failed', attempt: 1 });
  expect(tables.completions).toHaveLength(1);
});
