import type { LanguageModelV4Prompt } from '@ai-sdk/provider';
import { RubotError } from '@rubot/errors';
import { createNodeFetch, type NodeFetch } from '@rubot/http/node/fetch';
import { createLogger } from '@rubot/logging';
import { COMMON_EVENTS } from '@rubot/logging/events';
import { type Span, startSpan } from '@rubot/logging/span';
import { toFrames } from '@rubot/testkit/model-frames';
import { CUT_KINDS, type ModelExchange, type ModelUpstream, startModelUpstream } from '@rubot/testkit/model-upstream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createModel, type Model } from './create-model.ts';
import { MODEL_EVENTS } from './events.ts';
import { observeModel } from './model-call.ts';

/** A thousand connections, on machines of all speeds. */
const CUTS_TIMEOUT_MS = 120_000;
const NO_ACCESS = { apiKey: undefined, baseUrl: undefined };
const PROMPT: LanguageModelV4Prompt = [{ role: 'user', content: [{ type: 'text', text: 'hello' }] }];
const TRACE = 'a'.repeat(32);

let upstream: ModelUpstream;
let pool: NodeFetch;
beforeAll(async () => {
  upstream = await startModelUpstream();
  pool = createNodeFetch({ connectTimeoutMs: 1_000, maxConnectionsPerOrigin: 64 });
});
afterAll(async () => {
  await upstream.close();
  await pool.close();
});

/** A port that nothing listens on: just given back. */
async function closedPort(): Promise<string> {
  const gone = await startModelUpstream();
  await gone.close();
  return gone.url;
}

function openAi(baseUrl = upstream.url): Model {
  return createModel({
    specifier: 'openai/test-model',
    access: { openai: { apiKey: 'k', baseUrl }, anthropic: NO_ACCESS },
    fetch: pool.fetch,
  });
}

function anthropic(): Model {
  const access = { openai: NO_ACCESS, anthropic: { apiKey: 'k', baseUrl: upstream.url } };
  return createModel({ specifier: 'anthropic/claude', access, fetch: pool.fetch });
}

function createSpan(lines: Record<string, unknown>[] = []): Span {
  const source = { service: 'rubot-test', environment: 'development', deploymentHash: 'local', level: 'debug' } as const;
  const logger = createLogger({ source, events: { ...COMMON_EVENTS, ...MODEL_EVENTS }, sink: (line) => lines.push(line) });
  return startSpan({ logger, traceId: TRACE, parentSpanId: undefined, event: 'request.completed', name: 'test', kind: 'server' });
}

interface Heard {
  readonly deltas: readonly string[];
  readonly isWhole: boolean;
  readonly error: RubotError | undefined;
}

/** What a caller of the model gets to hear; anything else than a RubotError fails the test. */
async function hear(model: Model, { signal, span = createSpan() }: { signal?: AbortSignal; span?: Span } = {}): Promise<Heard> {
  const deltas: string[] = [];
  let isWhole = false;
  try {
    const { stream } = await observeModel(model, span).doStream({
      prompt: PROMPT,
      ...(signal === undefined ? {} : { abortSignal: signal }),
    });
    for await (const part of stream) {
      if (part.type === 'text-delta') deltas.push(part.delta);
      if (part.type === 'finish') isWhole = true;
      if (part.type === 'error') throw part.error;
    }
    return { deltas, isWhole, error: undefined };
  } catch (thrown) {
    if (!RubotError.is(thrown)) throw thrown;
    return { deltas, isWhole, error: thrown };
  }
}

describe('a stream of a model', () => {
  it('arrives in the pieces it was sent in', async () => {
    const pieces = Array.from({ length: 200 }, (_, index) => `w${index} `);
    upstream.script({ text: pieces });
    expect(await hear(openAi())).toEqual({ deltas: pieces, isWhole: true, error: undefined });
  });

  it('arrives piece by piece, each before the next is sent', async () => {
    const got: string[] = [];
    let wake: (() => void) | undefined;
    upstream.script(async (exchange) => {
      for (const piece of ['one', 'two', 'three']) {
        const heard = new Promise<void>((resolve) => {
          wake = resolve;
        });
        exchange.sendText(piece);
        await heard;
      }
      exchange.finish();
    });
    const { stream } = await observeModel(openAi(), createSpan()).doStream({ prompt: PROMPT });
    for await (const part of stream) {
      if (part.type !== 'text-delta') continue;
      got.push(part.delta);
      wake?.();
    }
    expect(got).toEqual(['one', 'two', 'three']);
  });
});

const ANSWER = { text: ['The first half. ', 'The second half.'] };
const OPENAI_BYTES = Buffer.from(toFrames(ANSWER).join(''));
const ANTHROPIC_BYTES = Buffer.from(
  [
    {
      type: 'message_start',
      message: { id: 'm', type: 'message', role: 'assistant', model: 'claude', content: [], usage: { input_tokens: 3, output_tokens: 1 } },
    },
    { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
    ...ANSWER.text.map((text) => ({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } })),
    { type: 'content_block_stop', index: 0 },
    { type: 'message_delta', delta: { stop_reason: 'end_turn', stop_sequence: null }, usage: { output_tokens: 9 } },
    { type: 'message_stop' },
  ]
    .map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`)
    .join(''),
);

describe.each([
  ['openai', openAi, OPENAI_BYTES],
  ['anthropic', anthropic, ANTHROPIC_BYTES],
] as const)('a cut stream of %s', (_name, createIt, bytes) => {
  const whole = ANSWER.text.join('');

  it('is whole when nothing is cut', async () => {
    upstream.script((exchange) => {
      exchange.sendRaw(bytes);
      exchange.cut('clean-eof');
    });
    expect(await hear(createIt())).toEqual({ deltas: ANSWER.text, isWhole: true, error: undefined });
  });

  it.each(CUT_KINDS.filter((kind) => kind !== 'hang'))(
    'is never taken for a whole one: %s at every byte',
    async (kind) => {
      let silent = 0;
      let told = 0;
      let complete = 0;
      const model = createIt();
      async function cutAt(atByte: number): Promise<void> {
        const heard = await hear(model);
        if (heard.error !== undefined) {
          expect(heard.error.code).toMatch(/^(?:stream_interrupted|unavailable)$/);
          told += 1;
        } else if (heard.isWhole && heard.deltas.join('') === whole) complete += 1;
        else silent += 1;
        expect(atByte).toBeGreaterThanOrEqual(0);
      }
      const offsets = Array.from({ length: bytes.length + 1 }, (_, index) => index);
      while (offsets.length > 0) {
        const batch = offsets.splice(0, 32);
        for (const atByte of batch) {
          upstream.script((exchange) => {
            exchange.sendRaw(bytes.subarray(0, atByte));
            exchange.cut(kind);
          });
        }
        await Promise.all(batch.map(cutAt));
      }
      expect({ silent, sum: told + complete }).toEqual({ silent: 0, sum: bytes.length + 1 });
      // Only what follows the end marker may be missing from a whole answer: a line end or two.
      expect(complete).toBeLessThanOrEqual(4);
      expect(told).toBeGreaterThan(bytes.length - 4);
    },
    CUTS_TIMEOUT_MS,
  );
});

describe('an abort', () => {
  const windows: readonly (readonly [string, (exchange: ModelExchange) => void])[] = [
    ['before the headers', () => {}],
    ['before the first token', (exchange) => exchange.begin()],
    ['in mid-stream', (exchange) => exchange.sendText('some')],
  ];

  it.each(windows)('reaches the provider within a second: %s', async (_name, play) => {
    const controller = new AbortController();
    upstream.script(play);
    const taken = upstream.nextRequest();
    const heard = hear(openAi(), { signal: controller.signal });
    const exchange = await taken;
    const reason = new RubotError('cancelled', 'gone');
    const startedAtMs = performance.now();
    controller.abort(reason);
    await exchange.aborted;
    expect(performance.now() - startedAtMs).toBeLessThan(1_000);
    expect((await heard).error).toBe(reason);
  });
});

describe('the span of a call', () => {
  it('carries the trace to the provider, and model, tokens and duration to the log', async () => {
    const lines: Record<string, unknown>[] = [];
    const span = createSpan(lines);
    upstream.script({ text: 'hi', usage: { prompt_tokens: 30, completion_tokens: 4 } });
    await hear(openAi(), { span });
    const [line] = lines;
    expect(line).toMatchObject({ event_type: 'model.completed', trace_id: TRACE, parent_span_id: span.spanId });
    expect(line?.['extra']).toMatchObject({
      peer: 'openai',
      span_kind: 'client',
      model: 'openai/test-model',
      input_tokens: 30,
      output_tokens: 4,
    });
    expect(upstream.requests.at(-1)?.headers['traceparent']).toBe(`00-${TRACE}-${String(line?.['span_id'])}-01`);
  });

  it('tells of a failure', async () => {
    const lines: Record<string, unknown>[] = [];
    upstream.script({ status: 500, body: '' });
    await hear(openAi(), { span: createSpan(lines) });
    expect(lines[0]).toMatchObject({ event_type: 'model.completed', log_level: 'warn', error: { code: 'upstream_failed' } });
  });
});

const SECRET_TEXT = 'Incorrect API key provided: sk-live-0123456789abcdef at 10.0.0.7';
function refusal(error: Record<string, unknown>): string {
  return JSON.stringify({ error: { message: SECRET_TEXT, ...error } });
}

describe('a failure of the provider', () => {
  it.each<[number, string, string, string | undefined]>([
    [401, refusal({ type: 'invalid_request_error', code: 'invalid_api_key' }), 'misconfigured', undefined],
    [402, refusal({}), 'misconfigured', undefined],
    [403, refusal({}), 'misconfigured', undefined],
    [404, refusal({ code: 'model_not_found' }), 'misconfigured', undefined],
    [400, refusal({ param: 'temperature' }), 'invalid_request', 'temperature'],
    [400, refusal({ param: 'messages.[3].content' }), 'invalid_request', 'messages'],
    [400, refusal({ code: 'context_length_exceeded' }), 'invalid_request', 'messages'],
    [400, refusal({ code: 'content_filter' }), 'invalid_request', 'messages'],
    [413, '', 'invalid_request', 'messages'],
    [400, refusal({ param: 'model' }), 'misconfigured', undefined],
    [400, refusal({ code: 'model_not_found' }), 'misconfigured', undefined],
    [400, refusal({ param: 'stream_options' }), 'upstream_failed', undefined],
    [400, refusal({ param: null }), 'upstream_failed', undefined],
    [307, '', 'upstream_failed', undefined],
    [500, refusal({}), 'upstream_failed', undefined],
    [502, '<html>Bad gateway at 10.0.0.7</html>', 'upstream_failed', undefined],
    [503, refusal({}), 'unavailable', undefined],
    [529, refusal({ type: 'overloaded_error' }), 'unavailable', undefined],
  ])('%i %s is told as %s', async (status, body, code, param) => {
    upstream.script({ status, body });
    const { error } = await hear(openAi());
    expect(error).toMatchObject({ code, param });
    expect(error?.message).not.toMatch(/sk-|10\.0\.0|html/);
    expect(error?.operatorDetail).not.toMatch(/sk-live/);
  });

  it('that refuses a key, and repeats it, repeats it to nobody', async () => {
    upstream.script({
      status: 401,
      body: JSON.stringify({ error: { message: 'Wrong key: my-local-key-9876543210', type: 'auth', code: 'bad_key' } }),
    });
    const { error } = await hear(openAi());
    expect(error?.operatorDetail).toContain('bad_key');
    expect(error?.operatorDetail).not.toContain('my-local-key');
  });

  it('keeps the wait that the provider asks for', async () => {
    upstream.script({ status: 429, body: refusal({}), headers: { 'retry-after': '7' } });
    expect((await hear(openAi())).error).toMatchObject({ code: 'rate_limited', retryAfterMs: 7_000 });
  });

  it('is asked once: retrying is decided elsewhere', async () => {
    const before = upstream.requests.length;
    upstream.script({ status: 500, body: '' });
    await hear(openAi());
    expect(upstream.requests.length - before).toBe(1);
  });

  it('is told behind the text that came before it', async () => {
    upstream.script((exchange) => {
      exchange.sendText('so far');
      exchange.sendRaw(`data: ${refusal({ type: 'server_error' })}\n\ndata: [DONE]\n\n`);
      exchange.cut('clean-eof');
    });
    expect(await hear(openAi())).toMatchObject({ deltas: ['so far'], isWhole: false, error: { code: 'upstream_failed' } });
  });

  it.each([['text/html'], ['text/plain'], ['']])('is seen in a 200 of type "%s"', async (type) => {
    upstream.script({ status: 200, body: '<html>welcome to the captive portal</html>', headers: { 'content-type': type } });
    expect((await hear(openAi())).error?.code).toBe('upstream_failed');
  });

  it('is seen in a stream of something else', async () => {
    upstream.script((exchange) => {
      exchange.sendRaw('data: {"hello":1}\n\ndata: [DONE]\n\n');
      exchange.cut('clean-eof');
    });
    expect((await hear(openAi())).error?.code).toBe('upstream_failed');
  });

  it('is to be asked again when nobody listens', async () => {
    expect((await hear(openAi(await closedPort()))).error).toMatchObject({ code: 'unavailable', retryable: true });
  });

  it('is not to be asked again by itself when it has read the request and dies over it', async () => {
    const before = upstream.requests.length;
    upstream.script(() => Promise.reject(new Error('the provider dies')));
    expect((await hear(openAi())).error).toMatchObject({ code: 'unavailable', retryable: false });
    expect(upstream.requests.length - before).toBe(1);
  });

  it('never has its redirect followed, as that would carry the key along', async () => {
    const before = upstream.requests.length;
    upstream.script({ status: 307, body: '', headers: { location: `${upstream.url}/elsewhere` } });
    await hear(openAi());
    expect(upstream.requests.length - before).toBe(1);
  });
});
