import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { HEADERS } from '@rubot/contracts/headers';
import { APICallError, generateText, isStepCount, Output, streamText, type TextStreamPart, type ToolSet, tool } from 'ai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type ModelStack, startModelStack, toChatSourceHeaders } from '../_stack.ts';
import { failureOf } from './_client.ts';

let stack: ModelStack;
beforeAll(async () => {
  stack = await startModelStack({ agents: ['conversational'] });
});
afterAll(() => stack.stop());

const NOTICED_WITHIN_MS = 1_000;
const USAGE = { inputTokens: 11, outputTokens: 7, totalTokens: 18 };
const TWO_CALLS = {
  toolCalls: [
    { id: 'call_bern', name: 'getWeather', arguments: { city: 'Bern' } },
    { id: 'call_basel', name: 'getWeather', arguments: { city: 'Basel' } },
  ],
};

/** How many HTTP requests this suite has made. */
let attempts = 0;

/** The provider as its documentation sets it up. */
function rubot(modelId = 'rubot', apiKey = stack.keys.GATEWAY_API_KEY) {
  const provider = createOpenAICompatible({
    name: 'rubot',
    baseURL: `${stack.urls.gateway}/v1`,
    apiKey,
    headers: toChatSourceHeaders(stack),
    includeUsage: true,
    supportsStructuredOutputs: true,
    fetch(url, init) {
      attempts += 1;
      return fetch(url, init);
    },
  });
  return provider(modelId);
}

/** Tools that a client runs itself, and what they were asked. */
function weatherTools() {
  const cities: string[] = [];
  const tools = {
    getWeather: tool({
      description: 'The weather of a city.',
      inputSchema: z.object({ city: z.string() }),
      async execute({ city }) {
        cities.push(city);
        return { weather: city === 'Bern' ? 'rain' : 'sun' };
      },
    }),
  };
  return { tools, cities };
}

async function collect(parts: AsyncIterable<TextStreamPart<ToolSet>>): Promise<TextStreamPart<ToolSet>[]> {
  const collected: TextStreamPart<ToolSet>[] = [];
  for await (const part of parts) collected.push(part);
  return collected;
}

const textOf = (parts: readonly TextStreamPart<ToolSet>[]) =>
  parts.map((part) => (part.type === 'text-delta' ? part.text : '')).filter((text) => text !== '');

describe("the AI SDK's provider for OpenAI's API", () => {
  it('chats', async () => {
    stack.model.script({ text: 'Hello to you.' });
    const result = await generateText({ model: rubot(), prompt: 'Hello!' });
    expect(result.text).toBe('Hello to you.');
    expect(result.finishReason).toBe('stop');
    expect(result.usage).toMatchObject(USAGE);
    expect(result.response.headers?.[HEADERS.traceId]).toMatch(/^[0-9a-f]{32}$/);
  });

  it('streams what the model says, as the model cuts it, with its usage', async () => {
    const text = ['Grüezi', ' ', 'mitenand', ' 👋'];
    stack.model.script({ text });
    const parts = await collect(streamText({ model: rubot(), prompt: 'Hello!' }).stream);
    expect(textOf(parts)).toEqual(text);
    expect(parts.at(-1)).toMatchObject({ type: 'finish', finishReason: 'stop', totalUsage: USAGE });
    expect(parts.filter((part) => part.type === 'error')).toEqual([]);
  });

  it.each([false, true])('runs parallel calls of its own tools and goes on with their results (stream: %s)', async (stream) => {
    stack.model.script(TWO_CALLS, { text: 'Rain in Bern only.' });
    const { tools, cities } = weatherTools();
    const options = { model: rubot(), prompt: 'Rain in Bern or Basel?', tools, stopWhen: isStepCount(3) };
    const result = stream ? streamText(options) : await generateText(options);
    if ('consumeStream' in result) await result.consumeStream();
    expect(await result.text).toBe('Rain in Bern only.');
    expect(cities).toEqual(['Bern', 'Basel']);
    expect((await result.steps).map((step) => step.finishReason)).toEqual(['tool-calls', 'stop']);
    const { messages } = stack.model.requests.at(-1)!.body as { messages: { role: string; tool_call_id?: string; content: string }[] };
    expect(messages.filter(({ role }) => role === 'tool')).toEqual([
      { role: 'tool', tool_call_id: 'call_bern', content: '{"weather":"rain"}' },
      { role: 'tool', tool_call_id: 'call_basel', content: '{"weather":"sun"}' },
    ]);
  });

  it('gets an answer of the shape it asks for', async () => {
    stack.model.script({ text: '{"city":"Bern","rain":true}' });
    const schema = z.object({ city: z.string(), rain: z.boolean() });
    const { output } = await generateText({ model: rubot(), prompt: 'Rain?', output: Output.object({ schema }) });
    expect(output).toEqual({ city: 'Bern', rain: true });
    expect(stack.model.requests.at(-1)!.body['response_format']).toMatchObject({
      type: 'json_schema',
      json_schema: { schema: { required: ['city', 'rain'] } },
    });
  });

  it.each([
    ['a wrong key', () => rubot('rubot', 'wrong'), 401, 'invalid_api_key'],
    ['a model that is not there', () => rubot('gpt-9'), 404, 'model_not_found'],
  ])('is refused for %s, by one request', async (_why, model, status, code) => {
    for (const work of [generateText, streamOrThrow]) {
      const before = attempts;
      const thrown = await failureOf(work({ model: model(), prompt: 'Hello!' }));
      expect(APICallError.isInstance(thrown) && thrown.statusCode).toBe(status);
      expect(thrown).toMatchObject({ isRetryable: false, data: { error: { code } } });
      expect(attempts - before).toBe(1);
    }
  });

  it('asks again when the model is out of breath for a moment', async () => {
    stack.model.script({ status: 429, body: '{}', headers: { 'retry-after': '0' } }, { text: 'Here I am.' });
    expect((await generateText({ model: rubot(), prompt: 'Hello!', maxRetries: 1 })).text).toBe('Here I am.');
  });

  it('is told of a model that breaks off, behind what it said', async () => {
    stack.model.script({ cut: 'clean-eof', atByte: 420, answer: { text: ['The first half ', 'of what was never finished.'] } });
    const parts = await collect(streamText({ model: rubot(), prompt: 'Hello!', onError() {} }).stream);
    expect(textOf(parts)).toEqual(['The first half ']);
    expect(parts.filter((part) => part.type === 'error')).toMatchObject([{ error: { code: 'stream_interrupted' } }]);
    expect(parts.filter((part) => part.type === 'finish' && part.finishReason === 'stop')).toEqual([]);
  });

  it.each(['before a stream begins', 'mid-stream', 'without a stream'])('that leaves %s ends the model call', async (moment) => {
    stack.model.script(() => {});
    const arrived = stack.model.nextRequest();
    const controller = new AbortController();
    const options = { model: rubot(), prompt: 'Tell me a long story.', abortSignal: controller.signal };
    const heard = Promise.withResolvers<void>();
    const work =
      moment === 'without a stream'
        ? generateText(options).catch(() => {})
        : (async () => {
            for await (const part of streamText(options).stream) if (part.type === 'text-delta') heard.resolve();
          })();
    const exchange = await arrived;
    if (moment === 'mid-stream') {
      exchange.sendText('Once upon a time');
      await heard.promise;
    }
    const abortedAt = performance.now();
    controller.abort();
    await Promise.all([work, exchange.aborted]);
    expect(performance.now() - abortedAt).toBeLessThan(NOTICED_WITHIN_MS);
  });
});

/** What a stream reports as its failure, thrown. */
async function streamOrThrow(options: { model: ReturnType<typeof rubot>; prompt: string }): Promise<void> {
  for await (const part of streamText({ ...options, onError() {} }).stream) if (part.type === 'error') throw part.error;
}
