import { ChatCompletion } from '@rubot/contracts/chat-response';
import { type AgentHarness, DATA_BEARER, RUN_ID, readStream } from '@rubot/testkit/agent-contract/harness';
import type { ToolReply } from '@rubot/testkit/tool-upstream';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ask, errorOf, PROBE, startTestAgent } from './_harness.ts';

let agent: AgentHarness;
beforeAll(async () => {
  agent = await startTestAgent();
});
afterAll(() => agent.stop());
beforeEach(() => agent.tools.onCall(() => ({ body: { result: { found: 1 } } })));

const STEPS = { 'x-rubot-steps': '1' };

async function answerOf(response: Response): Promise<string> {
  return ChatCompletion.parse(await response.json()).choices[0]?.message.content ?? '';
}

/** The last message of role tool that the model was shown. */
function shownToModel(): unknown {
  const messages = agent.model.requests.at(-1)?.body['messages'] as { role: string; content: string }[];
  return messages.findLast((message) => message.role === 'tool')?.content;
}

describe('tools of the agent itself', () => {
  it('run, and the model reads what they give', async () => {
    agent.model.script({ toolCalls: [{ name: 'add', arguments: { left: 2, right: 3 } }] }, { text: 'Five.' });
    expect(await answerOf(await agent.complete(ask('2 + 3?')))).toBe('Five.');
    expect(shownToModel()).toBe('{"sum":5}');
  });

  it.each([
    ['refuses', 'refuse', {}, 'Name a colour instead.'],
    ['is called with input of a wrong shape', 'add', { left: 'two' }, 'Invalid input for tool add'],
    ['does not exist', 'divide', {}, "unavailable tool 'divide'"],
    ['gives more than can be read', 'flood', {}, 'Ask for fewer rows'],
  ])('let the model mend it when one %s', async (_name, name, input, told) => {
    agent.model.script({ toolCalls: [{ name, arguments: input }] }, { text: 'Otherwise then.' });
    expect(await answerOf(await agent.complete(ask('go')))).toBe('Otherwise then.');
    expect(shownToModel()).toContain(told);
  });

  it('end the run when one breaks, and keep its words from the caller and the model', async () => {
    const asked = agent.model.requests.length;
    agent.model.script({ toolCalls: [{ name: 'break_down', arguments: {} }] });
    const response = await agent.complete(ask('go'));
    expect(response.headers.get('x-should-retry')).toBe('false');
    expect(await errorOf(response)).toMatchObject({ status: 500, code: 'internal', message: expect.not.stringContaining('hunter2') });
    expect(agent.model.requests.length - asked).toBe(1);
    expect(agent.lines.findLast((line) => line.event_type === 'tool.completed')?.error?.detail).toBe('TypeError: password=hunter2');
  });
});

describe('tools of the middleware', () => {
  it('are listed once for a tenant, with the bearer of the first run', async () => {
    const fresh = await startTestAgent();
    fresh.model.script({ text: 'a' }, { text: 'b' }, { text: 'c' });
    await fresh.complete(ask('one'));
    await fresh.complete(ask('two'));
    await fresh.complete(ask('three'), { headers: { 'x-tenant-id': 'globex' } });
    expect(fresh.tools.requests.map((request) => request.path)).toEqual(['/data/acme/tools', '/data/globex/tools']);
    expect(fresh.tools.requests[0]?.headers['authorization']).toBe(`Bearer ${DATA_BEARER}`);
    await fresh.stop();
  });

  it('are called side by side, each under its own key', async () => {
    const calls = ['a', 'b'].map((key, index) => ({ id: `call_${index}`, name: PROBE, arguments: { key } }));
    agent.model.script({ toolCalls: calls }, { text: 'Both.' });
    expect(await answerOf(await agent.complete(ask('both')))).toBe('Both.');
    expect(agent.tools.calls.slice(-2).map((call) => call.headers['idempotency-key'])).toEqual([
      `${RUN_ID}/s1/call_0`,
      `${RUN_ID}/s1/call_1`,
    ]);
  });

  it('never come under a key twice, even where a model repeats its ids', async () => {
    const call = { id: 'call_same', name: PROBE, arguments: {} };
    agent.model.script({ toolCalls: [call] }, { toolCalls: [call] }, { toolCalls: [{ ...call, id: 'has spaces' }] }, { text: 'Done.' });
    await agent.complete(ask('thrice'));
    const keys = agent.tools.calls.slice(-3).map((request) => String(request.headers['idempotency-key']));
    expect(new Set(keys).size).toBe(3);
    expect(keys.every((key) => /^[\x21-\x7e]+$/.test(key))).toBe(true);
  });

  it.each([
    [400, 'invalid_request'],
    [404, 'not_found'],
    [409, 'conflict'],
  ])('let the model mend a %i', async (status, code) => {
    agent.tools.onCall(() => ({ status, body: { error: { message: 'There is no column colour.', type: 't', param: null, code } } }));
    agent.model.script({ toolCalls: [{ name: PROBE, arguments: {} }] }, { text: 'I see.' });
    const { text, steps } = await readStream(await agent.complete({ ...ask('go'), stream: true }, { headers: STEPS }));
    expect(text).toBe('I see.');
    expect(shownToModel()).toBe('Error: There is no column colour.');
    expect(steps[0]?.messages.at(-1)?.content).toBe('Error: There is no column colour.');
  });

  const ERROR = { error: { message: 'at 10.0.0.7', type: 't', param: null } };
  it.each<[string, ToolReply, number, string]>([
    ['a bearer that is refused', { status: 401, body: { error: { ...ERROR.error, code: 'invalid_api_key' } } }, 500, 'misconfigured'],
    ['a tenant that was unbound', { status: 403, body: { error: { ...ERROR.error, code: 'forbidden' } } }, 403, 'forbidden'],
    ['a database that is down', { status: 500, body: { error: { ...ERROR.error, code: 'internal' } } }, 500, 'internal'],
    ['an HTML page', { status: 502, body: '<html>bad gateway</html>', headers: { 'content-type': 'text/html' } }, 502, 'upstream_failed'],
    ['an answer of another shape', { body: { rows: [] } }, 502, 'upstream_failed'],
    ['too many calls', { status: 429, body: { error: { ...ERROR.error, code: 'rate_limited' } } }, 429, 'rate_limited'],
  ])('end the run at %s, which is no answer', async (_name, reply, status, code) => {
    agent.tools.onCall(() => reply);
    agent.model.script({ toolCalls: [{ name: PROBE, arguments: {} }] });
    const response = await agent.complete(ask('go'));
    // A tool was called: the SDKs must not repeat the request by themselves.
    expect(response.headers.get('x-should-retry')).toBe('false');
    expect(await errorOf(response)).toMatchObject({ status, code });
  });

  it('end the run at the deadline when they hang, and are let go', async () => {
    agent.tools.onCall(() => 'hang');
    agent.model.script({ toolCalls: [{ name: PROBE, arguments: {} }] });
    const called = agent.tools.nextCall();
    const response = await agent.complete(ask('go'), { headers: { 'x-rubot-timeout-ms': '400' } });
    expect(await errorOf(response)).toMatchObject({ status: 504, code: 'deadline_exceeded' });
    await (await called).aborted;
  });

  it('are let go within a second of the caller', async () => {
    const controller = new AbortController();
    agent.tools.onCall(() => 'hang');
    agent.model.script({ toolCalls: [{ name: PROBE, arguments: {} }] });
    const called = agent.tools.nextCall();
    const asked = agent.complete({ ...ask('go'), stream: true }, { signal: controller.signal }).catch(() => undefined);
    const call = await called;
    const startedAtMs = performance.now();
    controller.abort();
    await call.aborted;
    expect(performance.now() - startedAtMs).toBeLessThan(1_000);
    await asked;
  });

  it.each(['x-tenant-id', 'x-rubot-data-bearer', 'x-rubot-run-id'])('need the header %s', async (name) => {
    const { [name]: _removed, ...headers } = (await import('@rubot/testkit/agent-contract/harness')).CALLER_HEADERS;
    const response = await fetch(`${agent.url}/v1/chat/completions`, { method: 'POST', headers, body: JSON.stringify(ask('go')) });
    expect(await errorOf(response)).toMatchObject({ status: 400, code: 'invalid_request', param: name });
  });

  it('are not offered with an effect or a name that this version does not know', async () => {
    const fresh = await startTestAgent();
    const tool = { provider: 'records', description: 'd', effect: 'read', input_schema: { type: 'object' } };
    const tools = [
      { ...tool, name: 'fine' },
      { ...tool, name: 'odd', effect: 'destroy' },
      { ...tool, name: 'bad name' },
      { ...tool, name: 'other', provider: 'mail' },
    ];
    fresh.tools.onList(() => ({ body: { tools } }));
    fresh.model.script({ text: 'ok' });
    await fresh.complete(ask('go'));
    const offered = (fresh.model.requests[0]!.body['tools'] as { function: { name: string } }[]).map((entry) => entry.function.name);
    expect(offered).toContain('fine');
    expect(offered.filter((name) => /odd|bad|other/.test(name))).toEqual([]);
    await fresh.stop();
  });

  it('that are missing altogether were not enabled for the tenant, and the model is not asked without them', async () => {
    const fresh = await startTestAgent();
    fresh.tools.onList(() => ({ body: { tools: [] } }));
    const refusal = await errorOf(await fresh.complete(ask('go')));
    expect(refusal).toMatchObject({ status: 403, code: 'forbidden', message: expect.stringContaining('Ask an administrator') });
    expect(fresh.model.requests).toEqual([]);
    await fresh.stop();
  });
});

describe('tools of the client beside those of the agent', () => {
  const mine = { type: 'function', function: { name: 'pick_colour', parameters: { type: 'object', properties: {} } } };

  it('may not take a name that the agent has', async () => {
    const response = await agent.complete({ ...ask('go'), tools: [mine, { ...mine, function: { ...mine.function, name: 'add' } }] });
    expect(await errorOf(response)).toMatchObject({ status: 400, param: 'tools[1].function.name' });
  });

  it('go to the client alone, while the agent’s run here', async () => {
    const calls = [
      { id: 'c1', name: 'add', arguments: { left: 1, right: 1 } },
      { id: 'c2', name: 'pick_colour', arguments: {} },
    ];
    agent.model.script({ text: 'Let me ask.', toolCalls: calls });
    const { choices } = ChatCompletion.parse(await (await agent.complete({ ...ask('go'), tools: [mine] })).json());
    expect(choices[0]).toMatchObject({ finish_reason: 'tool_calls', message: { content: 'Let me ask.', tool_calls: [{ id: 'c2' }] } });
    expect(choices[0]?.message.tool_calls).toHaveLength(1);
  });

  it('are not counted as steps of the agent', async () => {
    const rounds = Array.from({ length: 6 }, (_, index) => [
      { role: 'assistant', tool_calls: [{ id: `r${index}`, type: 'function', function: { name: 'pick_colour', arguments: '{}' } }] },
      { role: 'tool', tool_call_id: `r${index}`, content: 'red' },
    ]).flat();
    agent.model.script({ text: 'Red it is.' });
    expect(await answerOf(await agent.complete({ messages: [...ask('go').messages, ...rounds], tools: [mine] }))).toBe('Red it is.');
  });
});

describe('the step limit', () => {
  const more = { text: 'Hm.', toolCalls: [{ name: 'add', arguments: { left: 1, right: 1 } }] };

  it('ends a run that never comes to an answer, in words', async () => {
    agent.model.script(more, more, more, more);
    const asked = agent.model.requests.length;
    const { text, finishReasons, isDone, steps } = await readStream(
      await agent.complete({ ...ask('go'), stream: true }, { headers: STEPS }),
    );
    expect(agent.model.requests.length - asked).toBe(4);
    expect(text).toBe('Hm.\n\nHm.\n\nHm.\n\nHm.\n\n(Stopped after 4 steps, before the answer was complete. Ask for less at once.)');
    expect({ finishReasons, isDone, steps: steps.length }).toEqual({ finishReasons: ['length'], isDone: true, steps: 4 });
    expect(agent.lines.at(-2)?.agent?.signals).toContain('step_limit');
  });

  it('holds over attempts: steps of the journal count', async () => {
    agent.model.script(more, more, more, more);
    const { steps } = await readStream(await agent.complete({ ...ask('go'), stream: true }, { headers: STEPS }));
    const journal = steps.flatMap((step) => step.messages);
    const asked = agent.model.requests.length;
    agent.model.script({ text: 'one more' });
    const resumed = await readStream(await agent.complete({ messages: [...ask('go').messages, ...journal], stream: true }));
    expect(resumed.finishReasons).toEqual(['length']);
    expect(agent.model.requests.length - asked).toBe(0);
    agent.model.script({ text: 'unused' });
  });
});
