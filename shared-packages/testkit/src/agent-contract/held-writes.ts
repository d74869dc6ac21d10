import { expect, it } from 'vitest';
import { type AgentHarness, readStream } from './harness.ts';
import { createHeldRun, decided, QUESTION } from './held-run.ts';

/** For agents that use the middleware: what changes something is on record before it is run. */
export function checkHeldWrites(harness: () => AgentHarness, provider: string): void {
  const {
    calls: { lookUp, change },
    begin,
    goOn,
    watchCalls,
  } = createHeldRun(harness, provider);

  it('are told and not run, while those that read are', async () => {
    const ran = watchCalls();
    const { step, stream } = await begin(lookUp, change);
    expect(ran()).toEqual(['call_read']);
    expect(step.pending).toEqual([{ tool_call_id: 'call_write', awaits: 'commit' }]);
    expect(step.finish_reason).toBeUndefined();
    expect(step.messages).toMatchObject([
      { role: 'assistant', content: 'I begin.', tool_calls: [{ id: 'call_read' }, { id: 'call_write' }] },
      { role: 'tool', tool_call_id: 'call_read' },
    ]);
    expect(stream.text).toBe('I begin.');
    expect(stream.chunks.at(-1)).toMatchObject({ choices: [], usage: { prompt_tokens: 11, completion_tokens: 7 } });
  });

  it('are run when they come back, before the model is asked again', async () => {
    const { step } = await begin(lookUp, change);
    const { model } = harness();
    const ran = watchCalls();
    const asked = model.requests.length;
    model.script({ text: 'Done.' });
    const { steps, text, finishReasons } = await readStream(await goOn([step], decided()));
    expect(ran()).toEqual(['call_write']);
    expect(steps).toMatchObject([
      { messages: [{ role: 'tool', tool_call_id: 'call_write', content: '{"done":{"key":"w"}}' }], usage: { total_tokens: 0 } },
      { messages: [{ role: 'assistant', content: 'Done.' }], finish_reason: 'stop' },
    ]);
    expect({ text, finishReasons, asked: model.requests.length - asked }).toEqual({ text: 'Done.', finishReasons: ['stop'], asked: 1 });
    const told = model.requests.at(-1)?.body['messages'] as { role: string; tool_call_id?: string }[];
    expect(told.slice(-2)).toMatchObject([{ tool_call_id: 'call_read' }, { tool_call_id: 'call_write' }]);
  });

  it('are not run for a decision against them', async () => {
    const { step } = await begin(change);
    const ran = watchCalls();
    harness().model.script({ text: 'Left alone.' });
    const { steps } = await readStream(await goOn([step], decided({ call_write: { decision: 'reject' } })));
    expect(ran()).toEqual([]);
    expect(steps[0]?.messages[0]?.content).toMatch(/^A person rejected this call\. It was not run/);
  });

  it('are run at once for a caller that holds none', async () => {
    const { complete, model } = harness();
    const ran = watchCalls();
    model.script({ toolCalls: [change] }, { text: 'Done.' });
    const body = { messages: [QUESTION], stream: true };
    const { text, steps } = await readStream(await complete(body, { headers: { 'x-rubot-steps': '1' } }));
    expect({ text, ran: ran(), pending: steps[0]?.pending }).toEqual({ text: 'Done.', ran: ['call_write'], pending: undefined });
  });
}

export function checkHeldWritesOfOneStep(harness: () => AgentHarness, provider: string): void {
  const {
    calls: { change },
    begin,
    goOn,
    watchCalls,
  } = createHeldRun(harness, provider);

  it('are run side by side', async () => {
    const { tools, model } = harness();
    const { step } = await begin(change, { ...change, id: 'call_twin' });
    let arrived = 0;
    let releaseAll = (): void => {};
    const all = new Promise<void>((resolve) => {
      releaseAll = resolve;
    });
    tools.onCall(async () => {
      arrived += 1;
      if (arrived === 2) releaseAll();
      await all;
      return { body: { result: {} } };
    });
    model.script({ text: 'Both.' });
    expect((await readStream(await goOn([step], decided()))).text).toBe('Both.');
  });

  it('are all run again, each under its key, when one of them has ended the run', async () => {
    const { tools, model } = harness();
    const { step } = await begin(change, { ...change, id: 'call_twin', arguments: { key: 'down' } });
    const asked = model.requests.length;
    tools.onCall(({ body }) =>
      JSON.stringify(body).includes('down')
        ? { status: 503, body: { error: { message: 'down', type: 't', param: null, code: 'unavailable' } } }
        : { body: { result: {} } },
    );
    const failed = await goOn([step], decided());
    expect([failed.status, failed.headers.get('x-should-retry')]).toEqual([503, 'false']);
    expect(model.requests.length).toBe(asked);
    tools.onCall(() => ({ body: { result: {} } }));
    const ran = watchCalls();
    model.script({ text: 'Up again.' });
    expect((await readStream(await goOn([step], decided()))).text).toBe('Up again.');
    expect([...ran()].sort()).toEqual(['call_twin', 'call_write']);
  });
}
