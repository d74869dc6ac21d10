import { ChatCompletion } from '@rubot/contracts/chat-response';
import { HEADERS } from '@rubot/contracts/headers';
import type { ChatCompletionChunk, ChatCompletionTool } from 'openai/resources/chat/completions';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type ModelStack, startModelStack } from '../_stack.ts';
import { connect, SDKS } from './_client.ts';

let stack: ModelStack;
beforeAll(async () => {
  stack = await startModelStack({ agents: ['conversational', 'tables'] });
});
afterAll(() => stack.stop());

const MODEL = 'rubot/conversational';
const USAGE = { prompt_tokens: 11, completion_tokens: 7, total_tokens: 18 };

const hello = { model: MODEL, messages: [{ role: 'user' as const, content: 'Hello!' }] };

const weatherTool: ChatCompletionTool = {
  type: 'function',
  function: {
    name: 'get_weather',
    description: 'The weather of a city.',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false },
  },
};
const askForWeather = { model: MODEL, messages: [{ role: 'user' as const, content: 'Rain in Bern or Basel?' }], tools: [weatherTool] };
const twoCalls = {
  toolCalls: [
    { id: 'call_bern', name: 'get_weather', arguments: { city: 'Bern' } },
    { id: 'call_basel', name: 'get_weather', arguments: { city: 'Basel' } },
  ],
};
const twoCallsAsAnswered = [
  { id: 'call_bern', type: 'function', function: { name: 'get_weather', arguments: '{"city":"Bern"}' } },
  { id: 'call_basel', type: 'function', function: { name: 'get_weather', arguments: '{"city":"Basel"}' } },
];

async function collect(stream: AsyncIterable<ChatCompletionChunk>): Promise<ChatCompletionChunk[]> {
  const chunks: ChatCompletionChunk[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

describe.each(SDKS)('$name', (sdk) => {
  it('chats', async () => {
    stack.model.script({ text: 'Hello to you.' });
    const { client, attempts } = connect(sdk, stack);
    const { data, response, request_id: requestId } = await client.chat.completions.create(hello).withResponse();
    expect(ChatCompletion.parse(data)).toMatchObject({
      id: expect.stringMatching(/^chatcmpl-[0-9a-f]{32}$/),
      model: MODEL,
      choices: [{ index: 0, message: { role: 'assistant', content: 'Hello to you.', refusal: null }, finish_reason: 'stop' }],
      usage: USAGE,
      rubot: { status: 'completed' },
    });
    expect(response.headers.get(HEADERS.traceId)).toMatch(/^[0-9a-f]{32}$/);
    expect(requestId).toBe(response.headers.get(HEADERS.traceId));
    expect(attempts()).toBe(1);
    expect((await client.chat.completions.create(hello))._request_id).toMatch(/^[0-9a-f]{32}$/);
  });

  it('streams what the model says, as the model cuts it', async () => {
    const text = ['Grüezi', ' ', 'mitenand', ' 👋', '\n\ndata: [DONE]\n\n', '"quoted"'];
    stack.model.script({ text });
    const { client } = connect(sdk, stack);
    const chunks = await collect(await client.chat.completions.create({ ...hello, stream: true }));
    const spoken = chunks.map((chunk) => chunk.choices[0]?.delta.content).filter(Boolean);
    expect(spoken).toEqual(text);
    expect(chunks[0]?.choices[0]?.delta.role).toBe('assistant');
    expect(chunks.slice(1).every((chunk) => chunk.choices[0]?.delta.role === undefined)).toBe(true);
    expect(new Set(chunks.map((chunk) => chunk.id)).size).toBe(1);
    expect(new Set(chunks.map((chunk) => chunk.model))).toEqual(new Set([MODEL]));
    expect(chunks.map((chunk) => chunk.choices[0]?.finish_reason).filter(Boolean)).toEqual(['stop']);
    expect(chunks.at(-1)?.choices[0]).toMatchObject({ delta: {}, finish_reason: 'stop' });
  });

  it('assembles the same message from a stream as it gets whole', async () => {
    stack.model.script({ text: ['one ', 'two'] }, { text: ['one ', 'two'] });
    const { client } = connect(sdk, stack);
    const streamed = await client.chat.completions.stream(hello).finalChatCompletion();
    const whole = await client.chat.completions.create(hello);
    expect(streamed.choices[0]?.message.content).toBe('one two');
    expect(whole.choices[0]?.message.content).toBe('one two');
    expect(streamed.choices[0]?.finish_reason).toBe(whole.choices[0]?.finish_reason);
  });

  it.each(['length', 'content_filter'])('is told that an answer ended by %s', async (finishReason) => {
    stack.model.script({ text: 'cut', finishReason }, { text: 'cut', finishReason });
    const { client } = connect(sdk, stack);
    const whole = await client.chat.completions.create(hello);
    const chunks = await collect(await client.chat.completions.create({ ...hello, stream: true }));
    expect(whole.choices[0]?.finish_reason).toBe(finishReason);
    expect(chunks.map((chunk) => chunk.choices[0]?.finish_reason).filter(Boolean)).toEqual([finishReason]);
  });

  it('gets usage in one last chunk of a stream when it asks for it', async () => {
    stack.model.script({ text: ['one ', 'two'] });
    const { client } = connect(sdk, stack);
    const chunks = await collect(await client.chat.completions.create({ ...hello, stream: true, stream_options: { include_usage: true } }));
    expect(chunks.length).toBeGreaterThan(3);
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: USAGE });
    expect(chunks.slice(0, -1).map((chunk) => chunk.usage)).toEqual(chunks.slice(0, -1).map(() => null));
    expect(chunks.slice(0, -1).every((chunk) => chunk.choices.length === 1)).toBe(true);
  });

  it('gets no usage in a stream when it does not ask for it', async () => {
    const { client } = connect(sdk, stack);
    const chunks = await collect(await client.chat.completions.create({ ...hello, stream: true }));
    expect(chunks.filter((chunk) => 'usage' in chunk)).toEqual([]);
    expect(chunks.every((chunk) => chunk.choices.length === 1)).toBe(true);
  });

  it('passes the settings of the client on to the model', async () => {
    const asked = stack.model.nextRequest();
    const settings = {
      temperature: 0.3,
      top_p: 0.8,
      max_completion_tokens: 64,
      stop: ['END'],
      seed: 7,
      presence_penalty: 0.5,
      user: 'u-1',
    };
    await connect(sdk, stack).client.chat.completions.create({ ...hello, ...settings });
    const { max_completion_tokens: maxTokens, ...rest } = settings;
    expect((await asked).body).toMatchObject({ ...rest, max_tokens: maxTokens, model: 'test-model' });
  });

  it('is asked for parallel calls of its own tools, and their results reach the model', async () => {
    stack.model.script(twoCalls, { text: 'Rain in Bern only.' });
    const { client } = connect(sdk, stack);
    const first = await client.chat.completions.create(askForWeather);
    const message = first.choices[0]!.message;
    expect(first.choices[0]?.finish_reason).toBe('tool_calls');
    expect(message).toMatchObject({ content: null, tool_calls: twoCallsAsAnswered });

    const asked = stack.model.nextRequest();
    const results = [
      { role: 'tool' as const, tool_call_id: 'call_bern', content: 'rain' },
      { role: 'tool' as const, tool_call_id: 'call_basel', content: 'sun' },
    ];
    const second = await client.chat.completions.create({ ...askForWeather, messages: [...askForWeather.messages, message, ...results] });
    expect(second.choices[0]).toMatchObject({ message: { content: 'Rain in Bern only.' }, finish_reason: 'stop' });
    const { messages, tools } = (await asked).body as { messages: { role: string }[]; tools: unknown[] };
    expect(messages.filter(({ role }) => role !== 'system')).toMatchObject([
      { role: 'user' },
      { role: 'assistant', tool_calls: twoCallsAsAnswered },
      ...results,
    ]);
    expect(tools).toMatchObject([weatherTool]);
  });

  it('is asked for parallel calls in a stream, piece by piece', async () => {
    stack.model.script(twoCalls, twoCalls);
    const { client } = connect(sdk, stack);
    const final = await client.chat.completions.stream(askForWeather).finalChatCompletion();
    expect(final.choices[0]?.finish_reason).toBe('tool_calls');
    expect(final.choices[0]?.message.tool_calls).toMatchObject(twoCallsAsAnswered);

    const chunks = await collect(await client.chat.completions.create({ ...askForWeather, stream: true }));
    const deltas = chunks.flatMap((chunk) => chunk.choices[0]?.delta.tool_calls ?? []);
    expect(new Set(deltas.map((delta) => delta.index))).toEqual(new Set([0, 1]));
    expect(deltas.filter((delta) => delta.id !== undefined).map((delta) => delta.id)).toEqual(['call_bern', 'call_basel']);
  });

  it.each([false, true])('runs its tools by itself and goes on with their results (stream: %s)', async (stream) => {
    stack.model.script(twoCalls, { text: 'Rain in Bern only.' });
    const cities: string[] = [];
    const { client } = connect(sdk, stack);
    const tools = [
      {
        type: 'function' as const,
        function: {
          ...weatherTool.function,
          parameters: weatherTool.function.parameters,
          parse: JSON.parse,
          function: ({ city }: { city: string }) => {
            cities.push(city);
            return city === 'Bern' ? 'rain' : 'sun';
          },
        },
      },
    ];
    const { messages } = askForWeather;
    const runner = stream
      ? client.chat.completions.runTools({ model: MODEL, messages, tools: tools as never, stream: true })
      : client.chat.completions.runTools({ model: MODEL, messages, tools: tools as never });
    expect(await runner.finalContent()).toBe('Rain in Bern only.');
    expect(cities).toEqual(['Bern', 'Basel']);
  });

  it('gets an answer of the shape it asks for', async () => {
    const Forecast = z.object({ city: z.string(), rain: z.boolean() });
    stack.model.script({ text: '{"city":"Bern","rain":true}' }, { text: ['{"city":"Bern",', '"rain":true}'] });
    const asked = stack.model.nextRequest();
    const { client } = connect(sdk, stack);
    const request = { ...hello, response_format: sdk.zodResponseFormat(Forecast, 'forecast') };
    const whole = await client.chat.completions.parse(request);
    const streamed = await client.chat.completions.stream(request).finalChatCompletion();
    expect(whole.choices[0]?.message.parsed).toEqual({ city: 'Bern', rain: true });
    expect(streamed.choices[0]?.message.parsed).toEqual({ city: 'Bern', rain: true });
    const { response_format: sent } = (await asked).body as { response_format: { json_schema: { schema: { properties: object } } } };
    expect(sent).toMatchObject({ type: 'json_schema', json_schema: { name: 'forecast', strict: true } });
    expect(Object.keys(sent.json_schema.schema.properties)).toEqual(['city', 'rain']);
  });

  it('lists the models and finds one by its id', async () => {
    const { client } = connect(sdk, stack);
    const { data: models } = await client.models.list();
    expect(models.map((model) => model.id)).toEqual(['rubot', 'rubot/conversational', 'rubot/tables']);
    expect(models.every((model) => model.object === 'model' && Number.isInteger(model.created))).toBe(true);
    expect(await client.models.retrieve('rubot/tables')).toMatchObject({
      id: 'rubot/tables',
      object: 'model',
      owned_by: expect.any(String),
    });
  });
});
