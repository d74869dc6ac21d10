import { LogLine } from '@rubot/contracts/log';
import { expect, it } from 'vitest';
import { AGENT_KEY, type AgentHarness, DATA_BEARER, PARENT_SPAN_ID, probeOf, RUN_ID, readStream, TRACE_ID } from './harness.ts';

const QUESTION = { messages: [{ role: 'user', content: 'My PIN is 4711-secret-word.' }] };

export function checkTraces(harness: () => AgentHarness): void {
  it('logs one run as one trace, in lines of the one shape, without secrets or words of people', async () => {
    const { complete, model, lines, agent } = harness();
    const before = lines.length;
    model.script({ text: 'The answer is hidden-word.' });
    await readStream(await complete({ ...QUESTION, stream: true }));
    const own = lines.slice(before);
    for (const line of own) LogLine.parse(line);
    expect(new Set(own.map((line) => line.trace_id))).toEqual(new Set([TRACE_ID]));
    const server = own.find((line) => line.event_type === 'request.completed');
    expect(server).toMatchObject({ parent_span_id: PARENT_SPAN_ID, tenant_id: 'acme', run_id: RUN_ID, service: `rubot-agent-${agent.id}` });
    const call = own.find((line) => line.event_type === 'model.completed');
    expect(call).toMatchObject({ parent_span_id: server?.span_id, extra: { input_tokens: 11, output_tokens: 7, peer: 'openai' } });
    expect(model.requests.at(-1)?.headers['traceparent']).toBe(`00-${TRACE_ID}-${call?.span_id}-01`);
    const [run, ...others] = own.filter((line) => line.event_type === 'agent.log');
    expect(others).toEqual([]);
    expect(run?.agent).toMatchObject({ agent_id: agent.id, input_tokens: 11, output_tokens: 7, steps: [{ finish_reason: 'stop' }] });
    expect(JSON.stringify(own)).not.toMatch(new RegExp(`secret-word|hidden-word|${AGENT_KEY}|${DATA_BEARER}|sk-contract`));
  });
}

/** For agents that use the middleware: whose name a call is made in, under which key, on which trace. */
export function checkMiddlewareTools(harness: () => AgentHarness, provider: string): void {
  const name = probeOf(provider);
  const lookUp = { id: 'call_a', name, arguments: { key: 'k' } };

  it('calls the tenant’s tools with the data bearer, the idempotency key and the trace', async () => {
    const { complete, model, tools } = harness();
    tools.onCall(() => ({ body: { result: { found: 12 } } }));
    model.script({ toolCalls: [lookUp] }, { text: 'There are 12.' });
    const { text, steps } = await readStream(await complete({ ...QUESTION, stream: true }, { headers: { 'x-rubot-steps': '1' } }));
    expect(text).toBe('There are 12.');
    const call = tools.calls.at(-1);
    expect(call).toMatchObject({ path: `/data/acme/tools/${name}/call`, body: { arguments: { key: 'k' } } });
    expect(call?.headers).toMatchObject({
      authorization: `Bearer ${DATA_BEARER}`,
      'idempotency-key': `${RUN_ID}/s1/call_a`,
      'x-rubot-wire': '1',
    });
    expect(call?.headers['traceparent']).toMatch(new RegExp(`^00-${TRACE_ID}-`));
    expect(steps.map((step) => step.messages.map((message) => message.role))).toEqual([['assistant', 'tool'], ['assistant']]);
    expect(JSON.stringify(model.requests.at(-1)?.body)).not.toContain(DATA_BEARER);
  });

  it('goes on from a journal, and repeats nothing of it', async () => {
    const { complete, model, tools } = harness();
    tools.onCall(() => ({ body: { result: { found: 12 } } }));
    model.script({ toolCalls: [lookUp] }, { text: 'There are 12.' });
    const { steps } = await readStream(await complete({ ...QUESTION, stream: true }, { headers: { 'x-rubot-steps': '1' } }));
    const [calls, asked] = [tools.calls.length, model.requests.length];
    model.script({ text: 'Still 12.' });
    const journal = steps[0]?.messages ?? [];
    const resumed = await readStream(
      await complete({ messages: [...QUESTION.messages, ...journal], stream: true }, { headers: { 'x-rubot-steps': '1' } }),
    );
    expect(resumed.text).toBe('Still 12.');
    expect(resumed.steps.map((step) => step.index)).toEqual([1]);
    expect([tools.calls.length - calls, model.requests.length - asked]).toEqual([0, 1]);
  });
}
