import { ErrorBody } from '@rubot/contracts/error';
import { expect, it } from 'vitest';
import { type AgentHarness, readStream } from './harness.ts';
import { decided, HELD, QUESTION } from './held-run.ts';

const CLIENT_TOOL = { type: 'function', function: { name: 'pick_contract_colour', parameters: { type: 'object', properties: {} } } };

function toCall(id: string, name: string): unknown {
  return { id, type: 'function', function: { name, arguments: '{}' } };
}

function journalOf(...calls: unknown[]): unknown[] {
  return [QUESTION, { role: 'assistant', content: null, tool_calls: calls }];
}

/** What holds for every agent, whatever its tools. */
export function checkOpenCalls(harness: () => AgentHarness): void {
  it('ends an answer in which nothing is held as any other', async () => {
    const { complete, model } = harness();
    model.script({ text: 'Nothing to do.' });
    const { text, finishReasons, isDone, steps } = await readStream(
      await complete({ messages: [QUESTION], stream: true }, { headers: HELD }),
    );
    expect({ text, finishReasons, isDone }).toEqual({ text: 'Nothing to do.', finishReasons: ['stop'], isDone: true });
    expect(steps).toMatchObject([{ index: 0, finish_reason: 'stop' }]);
    expect(steps[0]?.pending).toBeUndefined();
  });

  it.each<[string, Record<string, string>, unknown[]]>([
    ['of a client’s conversation', HELD, journalOf(toCall('call_1', 'some_tool'))],
    ['for a caller that holds none', { ...decided(), 'x-rubot-steps': '1' }, journalOf(toCall('call_1', 'some_tool'))],
    ['that are the client’s alone', decided(), journalOf(toCall('call_1', 'pick_contract_colour'))],
    ['that were talked over', decided(), [...journalOf(toCall('call_1', 'some_tool')), QUESTION]],
  ])('refuses open calls %s, and runs none', async (_name, headers, messages) => {
    const { complete, model, tools } = harness();
    const before = [model.requests.length, tools.calls.length];
    const response = await complete({ messages, stream: true, tools: [CLIENT_TOOL] }, { headers });
    expect(response.status).toBe(400);
    expect(ErrorBody.parse(await response.json()).error.param).toBe('messages[1].tool_calls');
    expect([model.requests.length, tools.calls.length]).toEqual(before);
  });

  it('says of an open call whose tool is gone that it was not run, and goes on', async () => {
    const { complete, model } = harness();
    model.script({ text: 'Another way then.' });
    const messages = journalOf(toCall('call_1', 'tool_of_yesterday'));
    const { steps, text, finishReasons } = await readStream(await complete({ messages, stream: true }, { headers: decided() }));
    expect(steps).toMatchObject([
      { index: 0, usage: { total_tokens: 0 }, messages: [{ role: 'tool', tool_call_id: 'call_1' }] },
      { index: 1, messages: [{ role: 'assistant', content: 'Another way then.' }], finish_reason: 'stop' },
    ]);
    expect(steps[0]?.messages[0]?.content).toContain('There is no tool tool_of_yesterday any more');
    expect({ text, finishReasons }).toEqual({ text: 'Another way then.', finishReasons: ['stop'] });
    expect(JSON.stringify(model.requests.at(-1)?.body['messages'])).toContain('tool_of_yesterday any more');
  });

  it('hands the client its calls once its own of the same step are done, and asks no model', async () => {
    const { complete, model } = harness();
    const before = model.requests.length;
    const messages = journalOf(toCall('call_1', 'tool_of_yesterday'), toCall('call_2', 'pick_contract_colour'));
    const body = { messages, stream: true, stream_options: { include_usage: true }, tools: [CLIENT_TOOL] };
    const { steps, chunks, finishReasons, isDone } = await readStream(await complete(body, { headers: decided() }));
    expect(steps).toMatchObject([{ messages: [{ tool_call_id: 'call_1' }], finish_reason: 'tool_calls' }]);
    expect(chunks.flatMap((chunk) => chunk.choices.flatMap((choice) => choice.delta.tool_calls ?? []))).toMatchObject([{ id: 'call_2' }]);
    expect({ finishReasons, isDone }).toEqual({ finishReasons: ['tool_calls'], isDone: true });
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { total_tokens: 0 } });
    expect(model.requests.length).toBe(before);
  });
}
