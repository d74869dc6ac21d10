import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { EnvironmentError } from '@rubot/config/parse-env';
import { ChatCompletion } from '@rubot/contracts/chat-response';
import type { LogLine } from '@rubot/contracts/log';
import { AGENT_KEY, type AgentHarness, CALLER_HEADERS, readStream } from '@rubot/testkit/agent-contract/harness';
import { closeServer, type ModelExchange, startModelUpstream } from '@rubot/testkit/model-upstream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAgentApp } from '../src/app.ts';
import { defineAgent } from '../src/define-agent.ts';
import { buildDeps } from '../src/deps.ts';
import { agentVariables, readAgentConfig } from '../src/env.ts';
import { ask, errorOf, startTestAgent, TEST_AGENT } from './_harness.ts';

const PLAIN = { definition: { tools: {}, middlewareTools: [] } };

let agent: AgentHarness;
beforeAll(async () => {
  agent = await startTestAgent(PLAIN);
});
afterAll(() => agent.stop());

async function sentFor(body: Record<string, unknown>): Promise<Readonly<Record<string, unknown>>> {
  agent.model.script({ text: 'ok' });
  expect((await agent.complete({ ...ask('go'), ...body })).status).toBe(200);
  return agent.model.requests.at(-1)!.body;
}

describe('what the model is asked', () => {
  it('is what the client set', async () => {
    const settings = {
      temperature: 0.3,
      top_p: 0.9,
      frequency_penalty: 0.1,
      presence_penalty: -0.1,
      max_tokens: 77,
      seed: 5,
      user: 'u1',
      reasoning_effort: 'low',
      parallel_tool_calls: false,
    };
    expect(await sentFor({ ...settings, stop: 'END' })).toMatchObject({ ...settings, stop: ['END'], model: 'test-model', stream: true });
    expect(await sentFor({ max_completion_tokens: 9, stop: ['a', 'b'] })).toMatchObject({ max_tokens: 9, stop: ['a', 'b'] });
  });

  it('holds fields that rubot does not know, and none that would change the shape of the answer', async () => {
    const sent = await sentFor({
      logit_bias: { 50256: -100 },
      service_tier: 'flex',
      a_new_field: { deep: [1] },
      logprobs: true,
      n: 1,
      model: 'rubot/test',
      functions: [],
    });
    expect(sent).toMatchObject({ logit_bias: { 50256: -100 }, service_tier: 'flex', a_new_field: { deep: [1] }, model: 'test-model' });
    expect(Object.keys(sent).filter((name) => ['logprobs', 'n', 'functions'].includes(name))).toEqual([]);
  });

  it('holds the response format, and the text of it streams like any other', async () => {
    const schema = { type: 'object', properties: { a: { type: 'number' } } };
    const format = { type: 'json_schema', json_schema: { name: 'answer', schema, strict: true } };
    agent.model.script({ text: ['{"a', '":', '1}'] });
    const { chunks, text } = await readStream(await agent.complete({ ...ask('go'), response_format: format, stream: true }));
    expect(chunks.map((chunk) => chunk.choices[0]?.delta.content).filter(Boolean)).toEqual(['{"a', '":', '1}']);
    expect(text).toBe('{"a":1}');
    expect(agent.model.requests.at(-1)?.body['response_format']).toMatchObject({
      type: 'json_schema',
      json_schema: { name: 'answer', schema, strict: true },
    });
    expect(await sentFor({ response_format: { type: 'json_object' } })).toMatchObject({ response_format: { type: 'json_object' } });
    expect(await sentFor({ response_format: { type: 'json_schema', json_schema: { name: 'n', schema } } })).toMatchObject({
      response_format: { json_schema: { strict: false } },
    });
  });

  it('holds the conversation, the agent’s instructions first', async () => {
    const image = { url: 'https://example.com/a.png', detail: 'low' };
    const messages = [
      { role: 'system', content: 'Be brief.' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'What is this?' },
          { type: 'image_url', image_url: image },
        ],
      },
      { role: 'assistant', content: 'A cat.' },
      { role: 'developer', content: 'Answer in German.' },
      { role: 'user', content: [{ type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0KGgo=' } }] },
    ];
    expect((await sentFor({ messages }))['messages']).toEqual([
      { role: 'system', content: 'You are tested.' },
      { role: 'system', content: 'Be brief.' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'What is this?' },
          { type: 'image_url', image_url: image },
        ],
      },
      { role: 'assistant', content: 'A cat.' },
      { role: 'system', content: 'Answer in German.' },
      { role: 'user', content: [{ type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0KGgo=' } }] },
    ]);
  });

  it('never makes the agent follow a url of the client', async () => {
    let hits = 0;
    const inside = createServer((_request, response) => {
      hits += 1;
      response.end('internal');
    });
    inside.listen(0, '127.0.0.1');
    await once(inside, 'listening');
    const url = `http://127.0.0.1:${(inside.address() as AddressInfo).port}/metadata`;
    const show = (imageUrl: string) => ({ messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: imageUrl } }] }] });
    const demo = await startTestAgent({ ...PLAIN, environment: { MODEL_SPECIFIER: 'demo/scripted' } });
    const asked = agent.model.requests.length;
    for (const anAgent of [agent, demo]) {
      const { status, param } = await errorOf(await anAgent.complete(show(url)));
      expect({ status, param }).toEqual({ status: 400, param: 'messages[0].content[0].image_url.url' });
    }
    expect(agent.model.requests).toHaveLength(asked);
    // This model reads nothing from urls, and the SDK offers to do it in its place.
    expect(await errorOf(await demo.complete(show('https://rubot-images.example.com/a.png')))).toMatchObject({
      status: 400,
      param: 'messages',
    });
    expect(hits).toBe(0);
    await demo.stop();
    await closeServer(inside);
  });
});

describe('the end of an answer', () => {
  it.each([
    ['stop', 'stop'],
    ['length', 'length'],
    ['content_filter', 'content_filter'],
    ['a_reason_of_tomorrow', 'a_reason_of_tomorrow'],
  ])('is told as the model told it: %s', async (told, finishReason) => {
    agent.model.script({ text: 'ok', finishReason: told });
    expect(ChatCompletion.parse(await (await agent.complete(ask('go'))).json()).choices[0]?.finish_reason).toBe(finishReason);
  });

  it('is an error when the model names a tool call and makes none', async () => {
    agent.model.script({ text: 'ok', finishReason: 'tool_calls' });
    expect((await agent.complete(ask('go'))).status).toBe(502);
  });

  it('counts nothing where the provider counts nothing, and says so in the log', async () => {
    agent.model.script((exchange: ModelExchange) => {
      exchange.sendText('ok');
      exchange.sendRaw('data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n');
      exchange.cut('clean-eof');
    });
    expect(ChatCompletion.parse(await (await agent.complete(ask('go'))).json()).usage?.total_tokens).toBe(0);
    expect(agent.lines.findLast((line) => line.event_type === 'agent.log')?.agent?.signals).toEqual(['usage_missing']);
  });

  it('is logged too when the reader leaves', async () => {
    const controller = new AbortController();
    agent.model.script((exchange: ModelExchange) => exchange.sendText('first'));
    const before = agent.lines.length;
    const response = await agent.complete({ ...ask('go'), stream: true }, { signal: controller.signal });
    await response.body?.getReader().read();
    controller.abort();
    await expect
      .poll(() =>
        agent.lines
          .slice(before)
          .filter((line) => line.event_type === 'agent.log')
          .map((line) => line.agent?.signals),
      )
      .toEqual([['cancelled']]);
    expect(agent.lines.slice(before).find((line) => line.event_type === 'model.completed')?.error?.code).toBe('cancelled');
  });
});

describe('a reader that leaves before it has read anything', () => {
  it('ends the run all the same: the model is let go, and the log written', async () => {
    const model = await startModelUpstream();
    const lines: LogLine[] = [];
    const plain = defineAgent({ ...TEST_AGENT, ...PLAIN.definition });
    const source = { ORCHESTRATOR_API_KEY: AGENT_KEY, MODEL_SPECIFIER: 'openai/test-model', OPENAI_BASE_URL: model.url };
    const deps = buildDeps(readAgentConfig(plain, source), (line) => lines.push(line));
    model.script((exchange) => exchange.sendText('unread'));
    const taken = model.nextRequest();
    const body = JSON.stringify({ ...ask('go'), stream: true });
    // Not over a socket, which would read ahead.
    const request = new Request('http://agent/v1/chat/completions', { method: 'POST', headers: CALLER_HEADERS, body });
    const response = await createAgentApp(plain, deps).fetch(request);
    await response.body?.cancel();
    await (await taken).aborted;
    await expect.poll(() => lines.filter((line) => line.event_type === 'agent.log').map((line) => line.error?.code)).toEqual(['cancelled']);
    await deps.close();
    await model.close();
  });
});

describe('an anthropic model', () => {
  it('is asked in its own language, system messages first', async () => {
    const upstream = await startModelUpstream();
    const events = [
      {
        type: 'message_start',
        message: {
          id: 'm',
          type: 'message',
          role: 'assistant',
          model: 'claude',
          content: [],
          usage: { input_tokens: 3, output_tokens: 1 },
        },
      },
      { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
      { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'Salut.' } },
      { type: 'content_block_stop', index: 0 },
      { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 2 } },
      { type: 'message_stop' },
    ];
    upstream.script((exchange) => {
      exchange.sendRaw(events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join(''));
      exchange.cut('clean-eof');
    });
    const claude = await startTestAgent({
      ...PLAIN,
      environment: { AGENT_TEST_MODEL: 'anthropic/claude', ANTHROPIC_API_KEY: 'sk-ant-of-the-test', ANTHROPIC_BASE_URL: upstream.url },
    });
    const messages = [
      ...ask('one').messages,
      { role: 'assistant', content: 'two' },
      { role: 'system', content: 'In French.' },
      ...ask('three').messages,
    ];
    const completion = ChatCompletion.parse(await (await claude.complete({ messages, parallel_tool_calls: false })).json());
    expect(completion).toMatchObject({
      model: 'anthropic/claude',
      choices: [{ message: { content: 'Salut.' }, finish_reason: 'stop' }],
      usage: { prompt_tokens: 3, completion_tokens: 2 },
    });
    expect(upstream.requests[0]?.body).toMatchObject({
      system: [{ text: 'You are tested.' }, { text: 'In French.' }],
      messages: [{ role: 'user' }, { role: 'assistant' }, { role: 'user' }],
    });
    await claude.stop();
    await upstream.close();
  });
});

describe('the environment of an agent', () => {
  const GOOD = { ORCHESTRATOR_API_KEY: 'k3jh45kj3h4k5jh34kj5h3k4j5h3k4j5h', MIDDLEWARE_URL: 'http://middleware:8080' };
  const definition = defineAgent(TEST_AGENT);

  it('is refused with every problem at once', () => {
    const source = { MODEL_SPECIFIER: 'openai/gpt-5', AGENT_TEST_MODEL: 'gpt-5', PORT: 'http' };
    expect(() => readAgentConfig(definition, source)).toThrow(EnvironmentError);
    expect(() => readAgentConfig(definition, source)).toThrow(/4 problem/);
    expect(() => readAgentConfig(definition, { ...GOOD, MODEL_SPECIFIER: 'openai/gpt-5' })).toThrow(
      /OPENAI_API_KEY is not set although MODEL_SPECIFIER/,
    );
  });

  it('asks for the middleware only where it is used', () => {
    expect(Object.keys(agentVariables(definition))).toContain('MIDDLEWARE_URL');
    const plain = defineAgent({ ...TEST_AGENT, middlewareTools: [] });
    expect(Object.keys(agentVariables(plain))).not.toContain('MIDDLEWARE_URL');
    expect(readAgentConfig(plain, { ORCHESTRATOR_API_KEY: GOOD.ORCHESTRATOR_API_KEY }).middlewareUrl).toBeUndefined();
  });

  it('takes the demo model when it names none, and the agent’s own before the general one', () => {
    expect(readAgentConfig(definition, GOOD).modelSpecifier).toBe('demo/scripted');
    const source = { ...GOOD, MODEL_SPECIFIER: 'openai/a', AGENT_TEST_MODEL: 'openai/b', OPENAI_API_KEY: 'sk-of-the-test' };
    expect(readAgentConfig(definition, source).modelSpecifier).toBe('openai/b');
  });

  it.each([
    ['an id with capitals', { id: 'Tables' }],
    ['an endless summary', { summary: 'x'.repeat(601) }],
    ['a tool name with spaces', { tools: { 'add up': TEST_AGENT.tools!['add']! } }],
  ])('cannot make good a definition with %s', (_name, change) => {
    expect(() => defineAgent({ ...TEST_AGENT, ...change })).toThrow();
  });
});
