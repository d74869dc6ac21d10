import { HEADERS } from '@rubot/contracts/headers';
import { type FakeAgent, startFakeAgent } from '@rubot/testkit/fake-agent';
import { toChunkFrame, toFrames } from '@rubot/testkit/model-frames';
import type { CutKind } from '@rubot/testkit/model-upstream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ask, contentOf, type Orchestrator, planOf, RUN_ID, readCompletion, readError, readStream, startOrchestrator } from './_harness.ts';

let tables: FakeAgent;
let chat: FakeAgent;

beforeEach(async () => {
  tables = await startFakeAgent({ id: 'tables', name: 'Tables' });
  chat = await startFakeAgent({ id: 'chat', name: 'Chat' });
});
afterEach(() => Promise.all([tables.close(), chat.close()]));

/** The process goes with the request in its hands: the connection breaks before any header. */
function die(): never {
  throw new Error('the agent dies');
}

const HTML = '<!doctype html><title>502 Bad Gateway</title>';
const error = (code: string, message = 'The model is overloaded.') =>
  JSON.stringify({ error: { message, type: 'server_error', param: null, code } });

function startPair(): Promise<Orchestrator> {
  return startOrchestrator({ agents: [tables, chat], planner: planOf({ id: 's1', agent: 'tables' }, { id: 's2', agent: 'chat' }) });
}

describe('an agent that fails before its first word', () => {
  it.each<[string, (agent: FakeAgent) => void, number, string]>([
    ['its own error', (agent) => agent.onCompletion((exchange) => exchange.refuse(429, error('rate_limited'))), 429, 'rate_limited'],
    [
      'an HTML page with 502',
      (agent) => agent.onCompletion((exchange) => exchange.refuse(502, HTML, { 'content-type': 'text/html' })),
      502,
      'upstream_failed',
    ],
    [
      'an HTML page with 200',
      (agent) => agent.onCompletion((exchange) => exchange.refuse(200, HTML, { 'content-type': 'text/html' })),
      502,
      'upstream_failed',
    ],
    ['JSON that is no stream', (agent) => agent.onCompletion((exchange) => exchange.refuse(200, '{"ok":true}')), 502, 'upstream_failed'],
    ['frames that are no JSON', (agent) => agent.onCompletion((exchange) => exchange.sendRaw('data: hello\n\n')), 502, 'upstream_failed'],
    [
      'chunks that are not the contract’s',
      (agent) => agent.onCompletion((exchange) => exchange.sendRaw('data: {"id":1}\n\n')),
      502,
      'upstream_failed',
    ],
    [
      'an error frame',
      (agent) => agent.onCompletion((exchange) => exchange.sendRaw(`data: ${error('rate_limited')}\n\n`)),
      429,
      'rate_limited',
    ],
    [
      'an end without a finish',
      (agent) => agent.onCompletion((exchange) => exchange.sendRaw('data: [DONE]\n\n')),
      502,
      'stream_interrupted',
    ],
    ['a reset', (agent) => agent.onCompletion(die), 503, 'unavailable'],
  ])('has a status of its own, streamed or not: %s', async (_, script, status, code) => {
    script(tables);
    const orchestrator = await startOrchestrator({ agents: [tables] });
    const whole = await orchestrator.complete(ask('hi'));
    expect(whole.headers.get(HEADERS.runId)).toBe(RUN_ID);
    expect(whole.headers.get(HEADERS.traceId)).not.toBeNull();
    expect(await readError(whole)).toMatchObject({ status, code });
    expect((await orchestrator.findRun(RUN_ID))?.outcome).toMatchObject({ status: 'failed', errorCode: code });
    const streamed = await orchestrator.complete(ask('hi', { stream: true }), { headers: { [HEADERS.runId]: undefined } });
    expect(await readError(streamed)).toMatchObject({ status, code });
  });

  it('lends no word of a page that is not ours', async () => {
    tables.onCompletion((exchange) => exchange.refuse(200, HTML, { 'content-type': 'text/html' }));
    const orchestrator = await startOrchestrator({ agents: [tables] });
    expect(await (await orchestrator.complete(ask('hi'))).text()).not.toContain('Bad Gateway');
  });

  it('is never asked twice for a request that it has received', async () => {
    tables.onCompletion(die);
    const twin = await startFakeAgent({ id: 'tables' });
    const orchestrator = await startOrchestrator({ agents: { tables: [tables.origin, twin.origin] } });
    const statuses = [];
    for (let index = 0; index < 4; index += 1) {
      statuses.push((await orchestrator.complete(ask('hi'), { headers: { [HEADERS.runId]: undefined } })).status);
    }
    expect(statuses.filter((status) => status === 503)).toHaveLength(2);
    expect(tables.completions.length + twin.completions.length).toBe(4);
    await twin.close();
  });
});

describe('whether a client should repeat a request that failed', () => {
  const overloaded = error('unavailable');

  it('is yes while nothing has been done, and no once an agent has begun', async () => {
    tables.onCompletion((exchange) => exchange.refuse(503, overloaded, { 'x-should-retry': 'true' }));
    const orchestrator = await startOrchestrator({ agents: [tables] });
    const refused = await orchestrator.complete(ask('hi'));
    expect([refused.status, refused.headers.get('x-should-retry')]).toEqual([503, 'true']);
    tables.onCompletion((exchange) => exchange.sendRaw(`data: ${overloaded}\n\n`));
    const broken = await orchestrator.complete(ask('hi'), { headers: { [HEADERS.runId]: undefined } });
    expect([broken.status, broken.headers.get('x-should-retry')]).toEqual([503, 'false']);
  });

  it('is no where a planner has been paid, or another agent may have acted', async () => {
    tables.onCompletion((exchange) => exchange.refuse(503, overloaded, { 'x-should-retry': 'true' }));
    chat.onCompletion(die);
    const orchestrator = await startPair();
    const response = await orchestrator.complete(ask('hi'));
    expect([response.status, response.headers.get('x-should-retry')]).toEqual([503, 'false']);
  });
});

describe('an agent that hangs', () => {
  it('is ended by the deadline, before headers and after the first word', async () => {
    tables.onCompletion(() => {});
    const orchestrator = await startOrchestrator({ agents: [tables] });
    const headers = { [HEADERS.timeoutMs]: '300', [HEADERS.runId]: undefined };
    expect(await readError(await orchestrator.complete(ask('hi'), { headers }))).toMatchObject({ status: 504, code: 'deadline_exceeded' });
    await tables.completions[0]?.aborted;
    tables.onCompletion((exchange) => exchange.sendText('begun'));
    const streamed = await readStream(await orchestrator.complete(ask('hi', { stream: true }), { headers }));
    expect(streamed).toMatchObject({ text: 'begun', isDone: false, error: { code: 'deadline_exceeded' } });
    expect(streamed.chunks.every((chunk) => chunk.choices[0]?.finish_reason === null)).toBe(true);
    await tables.completions[1]?.aborted;
  });

  it('costs a partial answer, not the whole one, when another has answered', async () => {
    tables.onCompletion(() => {});
    const orchestrator = await startPair();
    const completion = await readCompletion(await orchestrator.complete(ask('hi'), { headers: { [HEADERS.timeoutMs]: '400' } }));
    expect(completion.rubot).toMatchObject({
      status: 'partial',
      slices: [
        { agent_id: 'tables', status: 'failed', error: { code: 'deadline_exceeded' } },
        { agent_id: 'chat', status: 'completed' },
      ],
    });
    expect(contentOf(completion)).toContain('answer of chat');
  });

  it('after its last frame keeps nobody waiting', async () => {
    tables.onCompletion((exchange) => {
      for (const frame of toFrames({ text: 'whole' })) exchange.sendRaw(frame);
    });
    const orchestrator = await startOrchestrator({ agents: [tables] });
    let isReleased = false;
    void tables.nextCompletion().then(async (exchange) => {
      await exchange.aborted;
      isReleased = true;
    });
    expect(contentOf(await readCompletion(await orchestrator.complete(ask('hi'))))).toBe('whole');
    expect(isReleased).toBe(false);
    await tables.completions[0]?.aborted;
  });
});

describe('an agent that fails in the middle', () => {
  it('ends the stream with its error, and without a finish reason or [DONE]', async () => {
    tables.onCompletion((exchange) => {
      exchange.sendText('half');
      exchange.sendRaw(`data: ${error('upstream_failed', 'The model broke.')}\n\n`);
    });
    const orchestrator = await startOrchestrator({ agents: [tables] });
    const streamed = await readStream(await orchestrator.complete(ask('hi', { stream: true })));
    expect(streamed).toMatchObject({ text: 'half', isDone: false, error: { code: 'upstream_failed', message: 'The model broke.' } });
    expect(orchestrator.linesOf('request.completed')[0]).toMatchObject({ error: { code: 'upstream_failed' }, extra: { status: 200 } });
  });

  it('is believed when it finishes only once its stream is whole', async () => {
    const last = toChunkFrame({ content: 'end' }, 'stop');
    tables.onCompletion((exchange) => {
      exchange.sendRaw(last);
      exchange.cut('clean-eof');
    });
    const orchestrator = await startOrchestrator({ agents: [tables] });
    const cut = await readStream(await orchestrator.complete(ask('hi', { stream: true })));
    expect(cut).toMatchObject({ text: 'end', isDone: false, error: { code: 'stream_interrupted' } });
    expect(cut.frames.join()).not.toContain('"stop"');
    tables.onCompletion((exchange) => {
      exchange.sendRaw(`${last}data: [DONE]\n\n`);
      exchange.cut('clean-eof');
    });
    const whole = await readStream(await orchestrator.complete(ask('hi', { stream: true }), { headers: { [HEADERS.runId]: undefined } }));
    expect(whole.chunks.map((chunk) => chunk.choices[0]?.finish_reason)).toEqual([null, 'stop']);
    expect(whole).toMatchObject({ text: 'end', isDone: true });
  });

  it('costs its own part only, when another has answered', async () => {
    tables.onCompletion((exchange) => {
      exchange.sendText('half');
      exchange.cut('reset');
    });
    const orchestrator = await startPair();
    const streamed = await readStream(await orchestrator.complete(ask('hi', { stream: true })));
    expect(streamed.isDone).toBe(true);
    expect(streamed.text).toMatch(/^### Tables\n\nhalf\n\n### Chat\n\nanswer of chat\n\n---\n\nThis answer is incomplete/);
    expect(streamed.chunks.at(-1)?.rubot).toMatchObject({
      status: 'partial',
      slices: [{ status: 'failed', error: { code: 'stream_interrupted' } }, { status: 'completed' }],
    });
  });

  it('is the whole failure when every other has failed as well', async () => {
    tables.onCompletion((exchange) => exchange.refuse(500, error('upstream_failed')));
    chat.onCompletion((exchange) => exchange.refuse(429, error('rate_limited')));
    const orchestrator = await startPair();
    expect(await readError(await orchestrator.complete(ask('hi')))).toMatchObject({ status: 502, code: 'upstream_failed' });
    chat.onCompletion((exchange) => {
      exchange.sendText('half');
      exchange.cut('fin');
    });
    const streamed = await readStream(
      await orchestrator.complete(ask('hi', { stream: true }), { headers: { [HEADERS.runId]: undefined } }),
    );
    expect(streamed).toMatchObject({ isDone: false, error: { code: 'upstream_failed' } });
    expect(streamed.text).toContain('half');
  });
});

describe('a stream cut at any byte', () => {
  it('never passes for a whole answer', async () => {
    const answer = { text: ['The ', 'größte ', 'number is 42.'], usage: { prompt_tokens: 4, completion_tokens: 3 } };
    const bytes = Buffer.from(toFrames(answer).join(''));
    const kinds: readonly CutKind[] = ['clean-eof', 'fin', 'reset'];
    const seed = Math.floor(Math.random() * kinds.length);
    process.stdout.write(`cut test: seed ${seed}, ${bytes.length} offsets\n`);
    const orchestrator = await startOrchestrator({ agents: [tables], env: { BREAKER_FAILURES: '1000000' } });
    const headers = { [HEADERS.runId]: undefined };
    const tally = { refused: 0, interrupted: 0, whole: 0 };

    for (let offset = 0; offset < bytes.length; offset += 1) {
      tables.onCompletion((exchange) => {
        exchange.begin();
        exchange.sendRaw(bytes.subarray(0, offset));
        exchange.cut(kinds[(offset + seed) % kinds.length] ?? 'fin');
      });
      const response = await orchestrator.complete(ask('hi', { stream: true }), { headers });
      if (response.status !== 200) {
        expect((await readError(response)).code, `offset ${offset}`).toBe('stream_interrupted');
        tally.refused += 1;
        continue;
      }
      const streamed = await readStream(response);
      expect(streamed, `offset ${offset}`).toMatchObject({ isDone: false, error: { code: 'stream_interrupted' } });
      expect(streamed.frames.join(), `offset ${offset}`).not.toContain('"stop"');
      expect('The größte number is 42.'.startsWith(streamed.text), `offset ${offset}`).toBe(true);
      tally.interrupted += 1;
    }
    for (const kind of kinds) {
      tables.onCompletion((exchange) => {
        exchange.sendRaw(bytes);
        exchange.cut(kind);
      });
      expect((await readStream(await orchestrator.complete(ask('hi', { stream: true }), { headers }))).isDone).toBe(true);
      tally.whole += 1;
    }
    expect(tally.refused + tally.interrupted).toBe(bytes.length);
    expect(tally.refused).toBeGreaterThan(100);
    expect(tally.interrupted).toBeGreaterThan(300);
    expect(tally.whole).toBe(kinds.length);
  }, 240_000);
});
