import { HEADERS } from '@rubot/contracts/headers';
import { type AgentScript, type FakeAgent, startFakeAgent, toStepFrame } from '@rubot/testkit/fake-agent';
import { readAgentRequest } from '@rubot/testkit/fake-agent/agent-request';
import { followPlan } from '@rubot/testkit/fake-agent/follow-plan';
import { toChunkFrame } from '@rubot/testkit/model-frames';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type DatabaseOfTest, openTestDatabase } from './_database.ts';
import { ask, contentOf, RUN_ID, readCompletion, readError, readStream, startOrchestrator } from './_harness.ts';
import { readEvents, textOf } from './_runs.ts';

const USAGE = { prompt_tokens: 5, completion_tokens: 3, total_tokens: 8 };
const ZERO = { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 };

let tables: FakeAgent;
let database: DatabaseOfTest;
beforeEach(async () => {
  tables = await startFakeAgent({ id: 'tables' });
  database = await openTestDatabase();
});
afterEach(() => tables.close());

const PLAN = [
  { text: 'One.', calls: [{ id: 'a', effect: 'read' as const }] },
  { text: 'Two.', calls: [{ id: 'b', effect: 'read' as const }, { id: 'c' }, { id: 'd' }] },
  { calls: [{ id: 'e' }] },
  { text: 'Three.' },
];

/** Runs calls as a tool does that looks at what is on record when it is reached. */
function createTool() {
  const effects: { key: string; isOnRecord: boolean }[] = [];
  const runCall = async ({ id }: { readonly id: string }, key: string): Promise<string> => {
    const steps = (await database.findRun(RUN_ID))?.steps ?? [];
    effects.push({ key, isOnRecord: JSON.stringify(steps).includes(`"id":"${id}"`) });
    return `result of ${id}`;
  };
  return { effects, runCall };
}

function toolCall(id: string) {
  return { id, type: 'function' as const, function: { name: 'act', arguments: '{}' } };
}

/** A step that says that this call is held, whether or not it was before. */
function heldFrame(id: string, messages = [{ role: 'assistant' as const, content: 'Look.', tool_calls: [toolCall(id)] }]): string {
  return toStepFrame({ index: 0, messages, usage: USAGE, pending: [{ tool_call_id: id, awaits: 'commit' }] });
}

describe('calls that change something', () => {
  it.each([false, true])('are run when they are on record, and the answer is one (stream: %s)', async (stream) => {
    const { effects, runCall } = createTool();
    const follow = followPlan(PLAN, { runCall, usagePerStep: USAGE });
    tables.onCompletion((exchange) => {
      exchange.sendRaw(toChunkFrame({ role: 'assistant', content: '' }));
      return follow(exchange);
    });
    const orchestrator = await startOrchestrator({ agents: [tables], database });
    const response = await orchestrator.complete(ask('do it', { stream, stream_options: { include_usage: true } }));
    const text = 'One.\n\nTwo.\n\nThree.';
    const usage = { prompt_tokens: 20, completion_tokens: 12, total_tokens: 32 };
    if (stream) {
      const { chunks, isDone, ...read } = await readStream(response);
      expect([read.text, isDone, chunks.at(-1)?.usage]).toEqual([text, true, usage]);
      expect(
        chunks.flatMap(({ choices }) => choices.map(({ finish_reason }) => finish_reason)).filter((reason) => reason !== null),
      ).toEqual(['stop']);
      expect(chunks.filter(({ choices }) => choices[0]?.delta.role === 'assistant')).toHaveLength(1);
    } else {
      const completion = await readCompletion(response);
      expect(completion).toMatchObject({ choices: [{ finish_reason: 'stop' }], usage, rubot: { status: 'completed' } });
      expect(contentOf(completion)).toBe(text);
    }
    // Calls of one step are run side by side.
    const written = effects.filter(({ key }) => !/[ab]$/.test(key)).toSorted((left, right) => left.key.localeCompare(right.key));
    expect(written).toEqual(['c', 'd', 'e'].map((id) => ({ key: `${RUN_ID}/s1/${id}`, isOnRecord: true })));
    expect(textOf(await readEvents(orchestrator, RUN_ID))).toBe(text);
    const { steps } = (await database.findRun(RUN_ID))!;
    expect(steps.map(({ step }) => [step.index, step.messages.map(({ role }) => role).join(), step.pending?.length ?? 0])).toEqual([
      [0, 'assistant,tool', 0],
      [1, 'assistant,tool', 2],
      [2, 'tool,tool', 0],
      [3, 'assistant', 1],
      [4, 'tool', 0],
      [5, 'assistant', 0],
    ]);
  });

  it('are asked for with the journal, and with a header that no client can send', async () => {
    tables.onCompletion(followPlan(PLAN));
    const orchestrator = await startOrchestrator({ agents: [tables], database });
    const headers = { [HEADERS.decisions]: encodeURIComponent('{"c":{"decision":"approve"}}') };
    await readCompletion(await orchestrator.complete(ask('do it'), { headers }));
    const asked = tables.completions.map(readAgentRequest);
    expect(asked.map(({ steps, decisions, openCalls }) => [steps, decisions, openCalls.map(({ id }) => id).join()])).toEqual([
      ['2', undefined, ''],
      ['2', {}, 'c,d'],
      ['2', {}, 'e'],
    ]);
    const { steps } = (await database.findRun(RUN_ID))!;
    expect(asked[1]?.journal).toEqual(steps.slice(0, 2).flatMap(({ step }) => step.messages));
  });

  it('are run once under one key when their process dies behind the record', async () => {
    const { effects, runCall } = createTool();
    const follow = followPlan(PLAN, { runCall });
    tables.onCompletion((exchange) => (readAgentRequest(exchange).openCalls.length > 0 ? undefined : follow(exchange)));
    const first = await startOrchestrator({ agents: [tables], database, env: { RUN_HEARTBEAT_MS: '60000', RUN_LEASE_MS: '120000' } });
    const left = first.complete(ask('do it')).catch(() => {});
    await tables.nextCompletion();
    const unanswered = await tables.nextCompletion();
    expect(readAgentRequest(unanswered).openCalls.map(({ id }) => id)).toEqual(['c', 'd']);

    tables.onCompletion(follow);
    const second = await startOrchestrator({ agents: [tables], database });
    await database.query("UPDATE runs SET lease_until = now() - interval '1 second'");
    await second.deps.sweeper.sweep();
    const events = await readEvents(second, RUN_ID);
    expect(textOf(events)).toBe('One.\n\nTwo.\n\nThree.');
    expect(readAgentRequest(tables.completions[2]!).openCalls.map(({ id }) => id)).toEqual(['c', 'd']);
    expect(effects.map(({ key }) => key.at(-1)).join('')).toBe('abcde');
    await first.deps.activeRuns.stop();
    await left;
  });
});

describe('an agent of another version', () => {
  it('that runs its calls by itself is read as before', async () => {
    const { effects, runCall } = createTool();
    const follow = followPlan(PLAN, { runCall });
    tables.onCompletion((exchange) => follow({ ...exchange, headers: { ...exchange.headers, [HEADERS.steps]: '1' } }));
    const orchestrator = await startOrchestrator({ agents: [tables], database });
    expect(contentOf(await readCompletion(await orchestrator.complete(ask('do it'))))).toBe('One.\n\nTwo.\n\nThree.');
    expect([tables.completions.length, effects.length]).toEqual([1, 5]);
    expect((await database.findRun(RUN_ID))?.steps.map(({ step }) => step.index)).toEqual([0, 1, 2, 3]);
  });

  it('that tells of no steps has its answer taken as it is', async () => {
    tables.onCompletion((exchange) => exchange.answer({ text: 'All at once.' }));
    const orchestrator = await startOrchestrator({ agents: [tables], database });
    expect(contentOf(await readCompletion(await orchestrator.complete(ask('hi'))))).toBe('All at once.');
    expect((await database.findRun(RUN_ID))?.stepCount).toBe(0);
  });

  it('numbers its steps as it likes', async () => {
    tables.onCompletion((exchange) => {
      for (const index of [7, 0, 0]) {
        exchange.sendText('x');
        exchange.sendRaw(
          toStepFrame({
            index,
            messages: [
              { role: 'assistant', content: 'x', tool_calls: [toolCall('a')] },
              { role: 'tool', tool_call_id: 'a', content: 'r' },
            ],
            usage: USAGE,
          }),
        );
      }
      exchange.finish();
    });
    const orchestrator = await startOrchestrator({ agents: [tables], database });
    await readCompletion(await orchestrator.complete(ask('hi')));
    expect((await database.findRun(RUN_ID))?.steps.map(({ step }) => step.index)).toEqual([0, 1, 2]);
    const events = await readEvents(orchestrator, RUN_ID);
    expect(events.filter(({ type }) => type === 'step').map(({ data }) => data['index'])).toEqual([0, 1, 2]);
  });
});

describe('an agent that keeps no contract', () => {
  const cases: [string, AgentScript, number, RegExp][] = [
    [
      'holds one call for ever',
      (exchange) => {
        exchange.sendRaw(heldFrame('a'));
        exchange.finish(null, USAGE);
      },
      2,
      /two calls under one id/,
    ],
    [
      'holds again what it was told to run',
      (exchange) => {
        const isFirst = readAgentRequest(exchange).openCalls.length === 0;
        const messages = [{ role: 'assistant' as const, content: null, tool_calls: [toolCall('a'), toolCall('b')] }];
        const results = [{ role: 'tool' as const, tool_call_id: 'b', content: 'r' }];
        exchange.sendRaw(heldFrame('a', (isFirst ? messages : results) as never));
        exchange.finish(null, USAGE);
      },
      2,
      /holds it again/,
    ],
    [
      'holds a call that it has not made',
      (exchange) => {
        exchange.sendRaw(heldFrame('a', [{ role: 'assistant' as const, content: 'Look.', tool_calls: [toolCall('b')] }]));
        exchange.finish(null, USAGE);
      },
      1,
      /not made/,
    ],
    [
      'goes on behind what it holds',
      (exchange) => {
        exchange.sendRaw(heldFrame('a'));
        exchange.sendRaw(toStepFrame({ index: 1, messages: [{ role: 'tool', tool_call_id: 'a', content: 'done' }], usage: ZERO }));
        exchange.finish();
      },
      1,
      /went on behind calls/,
    ],
    [
      'always has another call',
      (exchange) => {
        exchange.sendRaw(heldFrame(`call_${readAgentRequest(exchange).journal.length}`));
        exchange.finish(null, USAGE);
      },
      256,
      /came to no end/,
    ],
  ];

  it.each(cases)(
    'and %s is ended with an error that says so',
    async (_, script, callCount, message) => {
      tables.onCompletion(script);
      const orchestrator = await startOrchestrator({ agents: [tables], database });
      const response = await orchestrator.complete(ask('hi'));
      expect(response.headers.get(HEADERS.shouldRetry)).toBe('false');
      expect(await readError(response)).toMatchObject({ status: 502, code: 'upstream_failed', message: expect.stringMatching(message) });
      expect(tables.completions).toHaveLength(callCount);
      expect((await database.findRun(RUN_ID))?.outcome).toMatchObject({ status: 'failed', errorCode: 'upstream_failed' });
    },
    60_000,
  );
});

it('an agent that goes between two calls leaves an error that must not be answered by asking again', async () => {
  tables.onCompletion((exchange) => {
    if (readAgentRequest(exchange).openCalls.length > 0) {
      const error = { message: 'Draining.', type: 'server_error', param: null, code: 'unavailable' };
      exchange.refuse(503, JSON.stringify({ error }), { [HEADERS.shouldRetry]: 'true', 'retry-after': '1' });
      return;
    }
    exchange.sendRaw(heldFrame('a'));
    exchange.finish(null, USAGE);
  });
  const orchestrator = await startOrchestrator({ agents: [tables], database });
  const response = await orchestrator.complete(ask('hi'));
  expect([response.status, response.headers.get(HEADERS.shouldRetry)]).toEqual([503, 'false']);
  await vi.waitFor(async () => expect((await database.findRun(RUN_ID))?.outcome?.usage).toEqual(USAGE));
});
