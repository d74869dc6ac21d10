import { HEADERS } from '@rubot/contracts/headers';
import { type FakeAgent, startFakeAgent, toStepFrame } from '@rubot/testkit/fake-agent';
import { toChunkFrame } from '@rubot/testkit/model-frames';
import OpenAI from 'openai';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  AGENT_KEY,
  ask,
  contentOf,
  gatewayHeaders,
  PLANNER_USAGE,
  planOf,
  RUN_ID,
  readCompletion,
  readStream,
  startOrchestrator,
  TRACE_ID,
} from './_harness.ts';

let tables: FakeAgent;
let chat: FakeAgent;

beforeEach(async () => {
  tables = await startFakeAgent({ id: 'tables', name: 'Tables', summary: 'Answers questions over inventory and orders.' });
  chat = await startFakeAgent({ id: 'chat', name: 'Chat', summary: 'Talks about anything.' });
});
afterEach(() => Promise.all([tables.close(), chat.close()]));

const AGENT_USAGE = { prompt_tokens: 11, completion_tokens: 7, total_tokens: 18 };

describe('one agent', () => {
  it('passes its answer on as a completion, with the report of the run', async () => {
    const orchestrator = await startOrchestrator({ agents: [tables] });
    const response = await orchestrator.complete(ask('hello'));
    const completion = await readCompletion(response);
    expect(response.headers.get(HEADERS.runId)).toBe(RUN_ID);
    expect(response.headers.get(HEADERS.traceId)).toBe(TRACE_ID);
    expect(completion.id).toMatch(/^chatcmpl-[0-9a-f]{32}$/);
    expect(completion.model).toBe('rubot');
    expect(completion.choices[0]).toMatchObject({ finish_reason: 'stop', message: { role: 'assistant', content: 'answer of tables' } });
    expect(completion.usage).toEqual(AGENT_USAGE);
    expect(completion.rubot).toEqual({
      run_id: RUN_ID,
      status: 'completed',
      planner: 'none',
      slices: [{ slice_id: 's1', agent_id: 'tables', status: 'completed' }],
    });
  });

  it('mints a run id where the gateway gave none', async () => {
    const orchestrator = await startOrchestrator({ agents: [tables] });
    const response = await orchestrator.complete(ask('hello'), { headers: { [HEADERS.runId]: undefined } });
    expect(response.headers.get(HEADERS.runId)).toMatch(/^run_[0-9a-f]{32}$/);
  });

  it('sends N chunks for N chunks, one id, one role, usage only when asked for', async () => {
    const pieces = ['a', 'b', 'c', ' ', 'd'];
    tables.onCompletion((exchange) => exchange.answer({ text: pieces }));
    const orchestrator = await startOrchestrator({ agents: [tables] });
    const { chunks, frames, text, isDone } = await readStream(await orchestrator.complete(ask('hello', { stream: true })));
    expect(text).toBe(pieces.join(''));
    expect(isDone).toBe(true);
    // The role, the pieces, the finish; and the [DONE] after them.
    expect(frames).toHaveLength(pieces.length + 3);
    expect(chunks.map((chunk) => chunk.choices[0]?.delta.content)).toEqual(['', ...pieces, undefined]);
    expect(new Set(chunks.map((chunk) => chunk.id)).size).toBe(1);
    expect(chunks.map((chunk) => chunk.choices[0]?.delta.role)).toEqual(['assistant', ...pieces.map(() => undefined), undefined]);
    expect(chunks.map((chunk) => chunk.choices[0]?.finish_reason)).toEqual([null, ...pieces.map(() => null), 'stop']);
    expect(chunks.at(-1)?.rubot).toMatchObject({ run_id: RUN_ID, status: 'completed' });
    expect(frames.some((frame) => frame.includes('usage'))).toBe(false);
  });

  it('ends a stream with one usage chunk when usage was asked for, and null in every other', async () => {
    const orchestrator = await startOrchestrator({ agents: [tables] });
    const body = ask('hello', { stream: true, stream_options: { include_usage: true } });
    const { chunks } = await readStream(await orchestrator.complete(body));
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: AGENT_USAGE });
    expect(chunks.slice(0, -1).every((chunk) => chunk.usage === null && chunk.choices.length === 1)).toBe(true);
  });

  it('passes tool calls through unchanged, streamed and whole', async () => {
    const call = { id: 'call_1', name: 'get_weather', arguments: { city: 'Oslo', days: [1, 2] } };
    tables.onCompletion((exchange) => exchange.answer({ toolCalls: [call] }));
    const orchestrator = await startOrchestrator({ agents: [tables] });
    const tools = [{ type: 'function', function: { name: 'get_weather', parameters: { type: 'object' } } }];
    const completion = await readCompletion(await orchestrator.complete(ask('weather?', { tools })));
    expect(completion.choices[0]?.finish_reason).toBe('tool_calls');
    expect(completion.choices[0]?.message).toMatchObject({
      content: null,
      tool_calls: [{ id: 'call_1', type: 'function', function: { name: 'get_weather', arguments: JSON.stringify(call.arguments) } }],
    });
    const streamed = await readStream(
      await orchestrator.complete(ask('weather?', { tools, stream: true }), { headers: { [HEADERS.runId]: undefined } }),
    );
    const deltas = streamed.chunks.flatMap((chunk) => chunk.choices[0]?.delta.tool_calls ?? []);
    expect(deltas.map((delta) => delta.function?.arguments).join('')).toBe(JSON.stringify(call.arguments));
    expect(deltas[0]).toMatchObject({ index: 0, id: 'call_1', type: 'function', function: { name: 'get_weather' } });
  });

  it('keeps fields of a chunk that it does not know', async () => {
    tables.onCompletion((exchange) => {
      exchange.sendRaw(toChunkFrame({ role: 'assistant', reasoning_content: 'thinking' }));
      exchange.sendText('done');
      exchange.finish('length');
    });
    const orchestrator = await startOrchestrator({ agents: [tables] });
    const completion = await readCompletion(await orchestrator.complete(ask('hello')));
    expect(completion.choices[0]).toMatchObject({ finish_reason: 'length', message: { reasoning_content: 'thinking', content: 'done' } });
  });

  it('is read by the real SDK', async () => {
    const orchestrator = await startOrchestrator({ agents: [tables] });
    const { authorization, ...headers } = gatewayHeaders();
    const client = new OpenAI({ apiKey: authorization?.slice(7) ?? '', baseURL: `${orchestrator.url}/v1`, defaultHeaders: headers });
    const stream = client.chat.completions.stream({ model: 'rubot/tables', messages: [{ role: 'user', content: 'hello' }] });
    expect(await stream.finalContent()).toBe('answer of tables');
  });
});

describe('what an agent is sent', () => {
  it('gets the conversation, every field of the client, and the headers of its hop', async () => {
    const orchestrator = await startOrchestrator({ agents: [tables] });
    const body = ask('hello', { temperature: 0.5, x_future_field: { kept: [1] }, stream_options: null });
    await readCompletion(await orchestrator.complete(body));
    const [sent] = tables.completions;
    expect(sent?.body).toEqual({ ...body, model: 'rubot/tables', stream: true, stream_options: { include_usage: true } });
    expect(sent?.headers).toMatchObject({
      authorization: `Bearer ${AGENT_KEY}`,
      [HEADERS.tenantId]: 'acme',
      [HEADERS.sessionId]: 'whatsapp:1',
      [HEADERS.senderId]: '+15550100',
      [HEADERS.dataBearer]: 'the-data-bearer',
      [HEADERS.runId]: RUN_ID,
      [HEADERS.sliceId]: 's1',
      [HEADERS.steps]: '2',
      [HEADERS.wire]: '1',
      [HEADERS.traceId]: TRACE_ID,
    });
    const granted = Number(sent?.headers[HEADERS.timeoutMs]);
    expect(granted).toBeGreaterThan(10_000);
    expect(granted).toBeLessThanOrEqual(19_750);
  });

  it('stands in the trace under the slice, which stands under the request', async () => {
    const orchestrator = await startOrchestrator({ agents: [tables] });
    await readCompletion(await orchestrator.complete(ask('hello')));
    const [server] = orchestrator.linesOf('request.completed');
    const [slice] = orchestrator.linesOf('slice.completed');
    const [plan] = orchestrator.linesOf('plan.completed');
    // What the agent is asked of itself stands in a trace of its own.
    const call = orchestrator.linesOf('upstream.completed').find(({ trace_id }) => trace_id === TRACE_ID);
    expect(server).toMatchObject({ trace_id: TRACE_ID, parent_span_id: 'cd'.repeat(8), run_id: RUN_ID, tenant_id: 'acme' });
    expect(plan?.parent_span_id).toBe(server?.span_id);
    expect(slice?.parent_span_id).toBe(server?.span_id);
    expect(call).toMatchObject({ parent_span_id: slice?.span_id, extra: { peer: 'rubot-agent-tables', span_kind: 'client', status: 200 } });
    expect(tables.completions[0]?.headers['traceparent']).toBe(`00-${TRACE_ID}-${call?.span_id}-01`);
    expect(orchestrator.linesOf('run.completed')[0]).toMatchObject({ extra: { status: 'completed', input_tokens: 11, output_tokens: 7 } });
  });

  it('has no word of it in any log line', async () => {
    chat.onCompletion((exchange) => exchange.cut('reset'));
    const planner = planOf({ id: 's1', agent: 'tables', task: 'secret-task' }, { id: 's2', agent: 'chat', task: 'secret-task' });
    const orchestrator = await startOrchestrator({ agents: [tables, chat], planner });
    await readCompletion(await orchestrator.complete(ask('secret-question')));
    const text = JSON.stringify(orchestrator.lines);
    expect(orchestrator.lines.length).toBeGreaterThan(5);
    for (const word of ['secret-question', 'secret-task', 'answer of', 'the-data-bearer', AGENT_KEY]) expect(text).not.toContain(word);
  });
});

describe('steps', () => {
  const step = (index: number) => ({
    index,
    messages: [{ role: 'assistant' as const, content: `step ${index}` }],
    usage: { prompt_tokens: 5, completion_tokens: 3, total_tokens: 8 },
  });

  it('are journalled with the run and never relayed', async () => {
    const orchestrator = await startOrchestrator({ agents: [tables] });
    tables.onCompletion(async (exchange) => {
      exchange.sendRaw(toStepFrame(step(0)));
      exchange.sendText('first');
      await vi.waitFor(async () =>
        expect((await orchestrator.findRun(RUN_ID))?.steps).toEqual([{ sliceId: 's1', agentId: 'tables', step: step(0) }]),
      );
      exchange.sendRaw(toStepFrame(step(1)));
      exchange.finish();
    });
    const { frames, text } = await readStream(await orchestrator.complete(ask('hello', { stream: true })));
    expect(text).toBe('first');
    expect(frames.join()).not.toContain('step 0');
    expect(await orchestrator.findRun(RUN_ID)).toMatchObject({ stepCount: 2, outcome: { status: 'completed' }, tenantId: 'acme' });
  });

  it('tell what a broken answer has cost', async () => {
    tables.onCompletion((exchange) => {
      exchange.sendRaw(toStepFrame(step(0)));
      exchange.cut('reset');
    });
    const orchestrator = await startOrchestrator({ agents: [tables] });
    expect((await orchestrator.complete(ask('hello'))).status).toBe(502);
    expect((await orchestrator.findRun(RUN_ID))?.outcome).toMatchObject({
      status: 'failed',
      errorCode: 'stream_interrupted',
      usage: { total_tokens: 8 },
    });
  });
});

describe('several agents', () => {
  it('answer under headings, in the order of the plan, with usage summed over planner and agents', async () => {
    const planner = planOf({ id: 's1', agent: 'tables' }, { id: 's2', agent: 'chat' });
    const orchestrator = await startOrchestrator({ agents: [tables, chat], planner });
    const completion = await readCompletion(await orchestrator.complete(ask('two things')));
    expect(contentOf(completion)).toBe('### Tables\n\nanswer of tables\n\n### Chat\n\nanswer of chat');
    expect(completion.usage).toEqual({
      prompt_tokens: PLANNER_USAGE.prompt_tokens + 2 * AGENT_USAGE.prompt_tokens,
      completion_tokens: PLANNER_USAGE.completion_tokens + 2 * AGENT_USAGE.completion_tokens,
      total_tokens: PLANNER_USAGE.total_tokens + 2 * AGENT_USAGE.total_tokens,
    });
    expect(completion.rubot).toMatchObject({ status: 'completed', planner: 'model' });
  });

  it('get the conversation and their part of it, never the part alone', async () => {
    const planner = planOf({ id: 's1', agent: 'tables', task: 'count' }, { id: 's2', agent: 'chat', task: 'joke' });
    const orchestrator = await startOrchestrator({ agents: [tables, chat], planner });
    await readCompletion(await orchestrator.complete(ask('two things')));
    const sent = chat.completions[0]?.body['messages'] as { role: string; content: string }[];
    expect(sent[0]).toEqual({ role: 'user', content: 'two things' });
    expect(sent[1]?.role).toBe('user');
    expect(JSON.parse(sent[1]?.content ?? '')).toMatchObject({ task: 'slice', part: 'joke', earlier_answers: [] });
  });

  it('pass the first unfinished one on live and keep the later ones until their turn', async () => {
    const planner = planOf({ id: 's1', agent: 'tables' }, { id: 's2', agent: 'chat' });
    const orchestrator = await startOrchestrator({ agents: [tables, chat], planner });
    tables.onCompletion(() => {});
    const response = orchestrator.complete(ask('two things', { stream: true }));
    const [slow, fast] = await Promise.all([tables.nextCompletion(), chat.nextCompletion()]);
    expect(fast).toBeDefined();
    slow.sendText('one');
    const body = (await response).body?.pipeThrough(new TextDecoderStream()).getReader();
    let seen = '';
    while (!seen.includes('"one"')) seen += (await body?.read())?.value ?? '';
    expect(seen).not.toContain('answer of chat');
    slow.sendText('two');
    slow.finish();
    while (!seen.includes('[DONE]')) seen += (await body?.read())?.value ?? '';
    expect(seen.indexOf('answer of chat')).toBeGreaterThan(seen.indexOf('"two"'));
  });
});
