import { NO_USAGE } from '@rubot/contracts/chat-response';
import { createDeadline } from '@rubot/http/deadline';
import type { FetchLike } from '@rubot/http/upstream';
import { createLogger } from '@rubot/logging';
import { startSpan } from '@rubot/logging/span';
import { describe, expect, it, vi } from 'vitest';
import type { Agent } from '../agents/agent.ts';
import { ORCHESTRATOR_EVENTS } from '../events.ts';
import type { PlannedSlice } from '../planning/plan.ts';
import { createEventRecorder } from '../runs/event-recorder.ts';
import type { Run } from '../runs/run.ts';
import { dispatch } from './dispatch.ts';
import { mergeSlices } from './merge.ts';

const source = { service: 'test', environment: 'test', deploymentHash: 'test', level: 'error' } as const;
const logger = createLogger({ source, events: ORCHESTRATOR_EVENTS, sink: () => {} });
const WORDS = 'x'.repeat(1_000);

function toFrame(delta: unknown, finishReason: string | null = null): string {
  const choices = [{ index: 0, delta, finish_reason: finishReason }];
  const chunk = { id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices };
  return `data: ${JSON.stringify(chunk)}\n\n`;
}

/** An agent that says a thousand characters whenever it is read from, and never ends by itself. */
function createEndlessAgent(delta: unknown = { content: WORDS }): { readonly fetch: FetchLike; readonly pulled: () => number } {
  let pulled = 0;
  const fetch: FetchLike = (_, { signal }) => {
    const body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => signal.addEventListener('abort', () => controller.error(signal.reason)),
        pull(controller) {
          pulled += 1;
          controller.enqueue(new TextEncoder().encode(toFrame(delta)));
        },
      },
      { highWaterMark: 0 },
    );
    return Promise.resolve(new Response(body, { headers: { 'content-type': 'text/event-stream' } }));
  };
  return { fetch, pulled: () => pulled };
}

const ignore = async () => {};
const WRITER = { write: ignore, finish: ignore, park: ignore, retryLater: ignore, moveTo: ignore, occupy: async () => [] };

function createRun(): Run {
  const span = startSpan({
    logger,
    traceId: 'a'.repeat(32),
    parentSpanId: undefined,
    event: 'request.completed',
    name: 'test',
    kind: 'server',
  });
  return {
    id: 'run_1',
    caller: { tenantId: 'acme', sessionId: 's', senderId: 'u', dataBearer: 'b' },
    request: { model: 'rubot', messages: [{ role: 'user', content: 'hi' }] },
    slotType: 'cpu',
    deadline: createDeadline({ timeoutMs: 10_000 }),
    span,
    recorder: createEventRecorder({
      writer: { ...WRITER, runId: 'run_1', attempt: 1 },
      onFailure: () => {},
    }),
    plan: undefined,
    steps: [],
    decisions: {},
    retries: undefined,
    freshBearer: async () => ({ token: 'b', renewAtMs: Number.POSITIVE_INFINITY }),
  };
}

const agent: Agent = {
  id: 'endless',
  replicas: [],
  isDead: () => false,
  call: async (attempt) => ({ answer: await attempt('http://agent'), end: () => {} }),
};
const slice: PlannedSlice = { id: 's1', agent, agentName: 'Endless', task: '', dependsOn: [] };

it('a slice is not cut off between two steps where no newer bearer is to be had', async () => {
  const call = { id: 'a', type: 'function', function: { name: 'f', arguments: '{}' } };
  const messages = [
    { role: 'assistant', content: null, tool_calls: [call] },
    { role: 'tool', tool_call_id: 'a', content: 'r' },
  ];
  const step = `event: step\ndata: ${JSON.stringify({ index: 0, messages, usage: NO_USAGE })}\n\n`;
  let calls = 0;
  const fetch: FetchLike = async () => {
    calls += 1;
    const frames = [step, toFrame({ content: 'Done.' }), toFrame({}, 'stop'), 'data: [DONE]\n\n'];
    return new Response(frames.join(''), { headers: { 'content-type': 'text/event-stream' } });
  };
  const run: Run = { ...createRun(), freshBearer: async () => ({ token: 'b', renewAtMs: 0 }) };
  const [running] = dispatch(run, { planner: 'none', slices: [slice] }, { client: { fetch, apiKey: 'k' } });
  expect(await running?.outcome).toMatchObject({ status: 'completed', text: 'Done.' });
  expect(calls).toBe(1);
  run.deadline.clear();
});

describe('a slice that nobody reads', () => {
  it.each([
    ['words', { content: WORDS }],
    ['reasons', { reasoning_content: WORDS }],
    ['calls', { tool_calls: [{ index: 0, function: { arguments: WORDS } }] }],
  ])('runs ahead a little, and then makes its agent wait: %s', async (_, delta) => {
    const endless = createEndlessAgent(delta);
    const run = createRun();
    const [running] = dispatch(run, { planner: 'none', slices: [slice] }, { client: { fetch: endless.fetch, apiKey: 'k' } });
    let before = -1;
    await vi.waitFor(() => {
      const now = endless.pulled();
      const isStill = now === before;
      before = now;
      expect(isStill && now > 10).toBe(true);
    });
    expect(endless.pulled()).toBeLessThan(80);
    run.deadline.clear();
    await running?.parts.cancel();
    expect(await running?.outcome).toMatchObject({ status: 'failed', error: { code: 'cancelled' }, usage: NO_USAGE });
  });

  it('ends when the reader of the whole answer leaves, and says how', async () => {
    const endless = createEndlessAgent();
    const run = createRun();
    const plan = { planner: 'model' as const, slices: [slice, { ...slice, id: 's2' }] };
    const running = dispatch(run, plan, { client: { fetch: endless.fetch, apiKey: 'k' } });
    const merged = mergeSlices(running);
    await merged.next();
    await merged.return([]);
    run.deadline.clear();
    expect((await Promise.all(running.map(({ outcome }) => outcome))).map(({ status }) => status)).toEqual(['failed', 'failed']);
  });
});
