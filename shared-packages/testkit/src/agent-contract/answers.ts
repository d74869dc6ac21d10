import { ChatCompletion } from '@rubot/contracts/chat-response';
import { expect, it } from 'vitest';
import { type AgentHarness, readStream } from './harness.ts';

const QUESTION = { messages: [{ role: 'user', content: 'How are you?' }] };
const WEATHER_TOOL = {
  type: 'function',
  function: {
    name: 'get_contract_weather',
    description: 'Weather of a city.',
    parameters: { type: 'object', properties: { city: { type: 'string' } } },
  },
};

export function checkAnswers(harness: () => AgentHarness): void {
  it('answers in one body', async () => {
    const { complete, model } = harness();
    model.script({ text: ['Very ', 'well.'], usage: { prompt_tokens: 20, completion_tokens: 3 } });
    const response = await complete(QUESTION);
    expect(response.status).toBe(200);
    const { choices, usage, model: name } = ChatCompletion.parse(await response.json());
    expect(choices).toMatchObject([{ index: 0, message: { role: 'assistant', content: 'Very well.' }, finish_reason: 'stop' }]);
    expect(usage).toEqual({ prompt_tokens: 20, completion_tokens: 3, total_tokens: 23 });
    expect(name).toBe('openai/test-model');
  });

  it('streams each piece of the model as a chunk of its own', async () => {
    const { complete, model } = harness();
    const pieces = Array.from({ length: 40 }, (_, index) => `${index} `);
    model.script({ text: pieces });
    const response = await complete({ ...QUESTION, stream: true, stream_options: { include_usage: true } });
    expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/);
    const { chunks, finishReasons, isDone } = await readStream(response);
    expect(chunks[0]?.choices[0]?.delta).toMatchObject({ role: 'assistant' });
    expect(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').filter((text) => text !== '')).toEqual(pieces);
    expect(new Set(chunks.map(({ id }) => id)).size).toBe(1);
    expect(finishReasons).toEqual(['stop']);
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { prompt_tokens: 11, completion_tokens: 7 } });
    expect(chunks.slice(0, -1).every((chunk) => chunk.usage === null)).toBe(true);
    expect(isDone).toBe(true);
  });

  it('sends a piece on before the model sends the next', async () => {
    const { complete, model } = harness();
    model.script(() => {});
    const taken = model.nextRequest();
    const asked = complete({ ...QUESTION, stream: true });
    const exchange = await taken;
    exchange.sendText('one');
    const reader = (await asked).body?.pipeThrough(new TextDecoderStream()).getReader();
    let seen = '';
    for (const piece of ['one', 'two', 'three']) {
      if (piece !== 'one') exchange.sendText(piece);
      while (!seen.includes(piece)) seen += (await reader?.read())?.value ?? '';
    }
    exchange.finish();
    while (!seen.includes('[DONE]')) seen += (await reader?.read())?.value ?? '';
  });

  it.each([
    ['neither usage nor steps', { stream: true }, {}, 0, 0],
    ['steps', { stream: true }, { 'x-rubot-steps': '1' }, 1, 0],
    ['usage', { stream: true, stream_options: { include_usage: true } }, {}, 0, 1],
  ])('streams %s when that is asked for', async (_name, body, headers, stepCount, usageCount) => {
    const { complete, model } = harness();
    model.script({ text: 'Fine.' });
    const { steps, chunks } = await readStream(await complete({ ...QUESTION, ...body }, { headers }));
    expect(steps.length).toBe(stepCount);
    expect(chunks.filter((chunk) => chunk.usage !== null && chunk.usage !== undefined).length).toBe(usageCount);
    if (stepCount > 0) expect(steps[0]).toMatchObject({ index: 0, messages: [{ role: 'assistant', content: 'Fine.' }] });
  });
}

export function checkClientTools(harness: () => AgentHarness): void {
  const question = { role: 'user', content: 'What is the weather in Oslo and Rome?' };

  it('hands calls to the client’s tools to the client, each under an id of its own', async () => {
    const { complete, model } = harness();
    const call = { id: 'call_1', name: 'get_contract_weather', arguments: { city: 'Oslo' } };
    model.script({ toolCalls: [call, { ...call, id: 'call_1', arguments: { city: 'Rome' } }] });
    const { chunks, finishReasons, isDone } = await readStream(
      await complete({ messages: [question], tools: [WEATHER_TOOL], stream: true }),
    );
    const calls = chunks.flatMap((chunk) => chunk.choices.flatMap((choice) => choice.delta.tool_calls ?? []));
    expect(calls.map(({ function: called }) => [called?.name, JSON.parse(called?.arguments ?? '')])).toEqual([
      ['get_contract_weather', { city: 'Oslo' }],
      ['get_contract_weather', { city: 'Rome' }],
    ]);
    expect(new Set(calls.map(({ id }) => id)).size).toBe(2);
    expect(calls.map(({ index }) => index)).toEqual([0, 1]);
    expect(finishReasons).toEqual(['tool_calls']);
    expect(isDone).toBe(true);
  });

  it('answers from what the client’s tools gave back', async () => {
    const { complete, model } = harness();
    const call = { id: 'call_7', type: 'function', function: { name: 'get_contract_weather', arguments: '{"city":"Oslo"}' } };
    const messages = [
      question,
      { role: 'assistant', content: null, tool_calls: [call] },
      { role: 'tool', tool_call_id: 'call_7', content: 'snow' },
    ];
    model.script({ text: 'It snows.' });
    const { choices } = ChatCompletion.parse(await (await complete({ messages, tools: [WEATHER_TOOL] })).json());
    expect(choices[0]?.message.content).toBe('It snows.');
    const sent = model.requests.at(-1)?.body['messages'] as Record<string, unknown>[];
    expect(sent.slice(-2)).toMatchObject([
      { role: 'assistant', tool_calls: [call] },
      { role: 'tool', tool_call_id: 'call_7', content: 'snow' },
    ]);
  });

  it.each([
    ['none', undefined],
    ['required', 'required'],
    [
      { type: 'function', function: { name: 'get_contract_weather' } },
      { type: 'function', function: { name: 'get_contract_weather' } },
    ],
  ])('honours the tool choice %j', async (toolChoice, sent) => {
    const { complete, model } = harness();
    model.script({ text: 'ok' });
    await (await complete({ messages: [question], tools: [WEATHER_TOOL], tool_choice: toolChoice })).text();
    const body = model.requests.at(-1)?.body;
    const names = ((body?.['tools'] ?? []) as { function: { name: string } }[]).map((tool) => tool.function.name);
    expect(names.includes('get_contract_weather')).toBe(toolChoice !== 'none');
    if (sent !== undefined) expect(body?.['tool_choice']).toEqual(sent);
  });
}
