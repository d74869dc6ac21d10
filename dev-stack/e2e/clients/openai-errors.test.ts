import { HEADERS } from '@rubot/contracts/headers';
import { CUT_KINDS, type ModelScript } from '@rubot/testkit/model-upstream';
import type OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ModelStack, startModelStack } from '../_stack.ts';
import { connect, failureOf, SDKS } from './_client.ts';

let stack: ModelStack;
beforeAll(async () => {
  stack = await startModelStack({ agents: ['conversational'] });
});
afterAll(() => stack.stop());

const hello = { model: 'rubot', messages: [{ role: 'user' as const, content: 'Hello!' }] };

/** The names of the SDK's error classes that matter here. */
type ErrorClass = 'AuthenticationError' | 'BadRequestError' | 'NotFoundError' | 'RateLimitError' | 'InternalServerError' | 'APIError';
type ApiError = InstanceType<typeof OpenAI.APIError>;

interface Refusal {
  readonly why: string;
  readonly request?: Record<string, unknown>;
  readonly apiKey?: string;
  readonly model?: ModelScript;
  readonly as: ErrorClass;
  readonly status: number;
  readonly code: string;
  readonly param?: string;
}

const SECRET = 'sk-live-of-the-operator';
const providerError = (fields: Record<string, unknown>) => JSON.stringify({ error: { message: `no: ${SECRET}`, ...fields } });

/** Refusals that no second try could mend, so that `x-should-retry: false` spares everybody one. */
const REFUSALS: readonly Refusal[] = [
  { why: 'a wrong key', apiKey: 'not-the-key', as: 'AuthenticationError', status: 401, code: 'invalid_api_key' },
  {
    why: 'a value out of range',
    request: { temperature: 9 },
    as: 'BadRequestError',
    status: 400,
    code: 'invalid_request',
    param: 'temperature',
  },
  {
    why: 'a message of no role',
    request: {
      messages: [
        { role: 'user', content: 'hi' },
        { role: 'king', content: 'hi' },
      ],
    },
    as: 'BadRequestError',
    status: 400,
    code: 'invalid_request',
    param: 'messages[1].role',
  },
  {
    why: 'a tool result that answers no call',
    request: { messages: [...hello.messages, { role: 'tool', tool_call_id: 'call_1', content: 'x' }] },
    as: 'BadRequestError',
    status: 400,
    code: 'invalid_request',
    param: 'messages[1].tool_call_id',
  },
  {
    why: 'a model that is not there',
    request: { model: 'gpt-9' },
    as: 'NotFoundError',
    status: 404,
    code: 'model_not_found',
    param: 'model',
  },
  { why: 'too large a body', request: { user: 'x'.repeat(1_100_000) }, as: 'APIError', status: 413, code: 'payload_too_large' },
  {
    why: 'a conversation too long for the model',
    model: { status: 400, body: providerError({ code: 'context_length_exceeded', param: 'messages' }) },
    as: 'BadRequestError',
    status: 400,
    code: 'invalid_request',
    param: 'messages',
  },
  {
    why: 'a failing model',
    model: { status: 500, body: providerError({}) },
    as: 'InternalServerError',
    status: 502,
    code: 'upstream_failed',
  },
  {
    why: 'a model that refuses our key',
    model: { status: 401, body: providerError({ code: 'invalid_api_key' }) },
    as: 'InternalServerError',
    status: 500,
    code: 'misconfigured',
  },
  {
    why: 'a page of a proxy before the model',
    model: { status: 200, body: `<html>${SECRET}</html>`, headers: { 'content-type': 'text/html' } },
    as: 'InternalServerError',
    status: 502,
    code: 'upstream_failed',
  },
];

const CUT_ANSWER = { text: ['The first half ', 'of what was never finished.'] };
const CUT_AT_BYTE = 420;

describe.each(SDKS)('$name', (sdk) => {
  async function expectError(thrown: unknown, as: ErrorClass, fields: Partial<ApiError>): Promise<ApiError> {
    expect(thrown).toBeInstanceOf(sdk.OpenAI[as]);
    const error = thrown as ApiError;
    expect(error).toMatchObject(fields);
    expect(error.requestID).toMatch(/^[0-9a-f]{32}$/);
    expect(error.requestID).toBe(error.headers?.get(HEADERS.traceId));
    const line = await stack.waitForLine(
      ({ service, event_type, trace_id }) =>
        service === 'rubot-gateway' && event_type === 'request.completed' && trace_id === error.requestID,
    );
    expect(line.error?.code).toBe(error.code);
    expect(`${error.message} ${JSON.stringify(error.error)}`).not.toContain(SECRET);
    return error;
  }

  describe.each([{ stream: false }, { stream: true }])('with stream: $stream', ({ stream }) => {
    it.each(REFUSALS)('$why is $as, after one attempt', async ({ request = {}, apiKey, model, as, status, code, param }) => {
      if (model !== undefined) stack.model.script(model);
      const { client, attempts } = connect(sdk, stack, apiKey === undefined ? {} : { apiKey });
      const thrown = await failureOf(client.chat.completions.create({ ...hello, ...request, stream } as never));
      const error = await expectError(thrown, as, { status, code, param: param ?? null });
      expect(error.message).toMatch(/\. |\.$/);
      expect(attempts()).toBe(1);
    });

    it('a model that is out of breath for a moment is asked again', async () => {
      stack.model.script({ status: 429, body: providerError({ type: 'rate_limit' }), headers: { 'retry-after': '0' } });
      const { client, attempts } = connect(sdk, stack);
      await client.chat.completions.create({ ...hello, stream } as never);
      expect(attempts()).toBe(2);
    });

    it('a model that stays out of breath is RateLimitError, after every attempt', async () => {
      const refusal = { status: 429, body: providerError({ type: 'rate_limit' }), headers: { 'retry-after': '0' } };
      stack.model.script(refusal, refusal);
      const { client, attempts } = connect(sdk, stack, { maxRetries: 1 });
      const thrown = await failureOf(client.chat.completions.create({ ...hello, stream } as never));
      await expectError(thrown, 'RateLimitError', { status: 429, code: 'rate_limited' });
      expect(attempts()).toBe(2);
    });
  });

  it('a model without a path to it is NotFoundError', async () => {
    const { client } = connect(sdk, stack);
    await expectError(await failureOf(client.models.retrieve('rubot/nobody')), 'NotFoundError', {
      code: 'model_not_found',
      param: 'model',
    });
  });

  it.each(CUT_KINDS.filter((kind) => kind !== 'hang'))(
    'a model that breaks off by %s in a stream is APIError, behind what it said',
    async (cut) => {
      stack.model.script({ cut, atByte: CUT_AT_BYTE, answer: CUT_ANSWER });
      const { client, attempts } = connect(sdk, stack);
      const chunks: OpenAI.ChatCompletionChunk[] = [];
      const stream = await client.chat.completions.create({ ...hello, stream: true });
      const thrown = await failureOf(
        (async () => {
          for await (const chunk of stream) chunks.push(chunk);
        })(),
      );
      await expectError(thrown, 'APIError', { code: 'stream_interrupted', type: 'server_error' });
      expect(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('')).toBe(CUT_ANSWER.text[0]);
      expect(chunks.every((chunk) => (chunk.choices[0]?.finish_reason ?? null) === null)).toBe(true);
      expect(attempts()).toBe(1);
    },
  );

  it('an error that the provider sends in its stream is APIError', async () => {
    stack.model.script((exchange) => {
      exchange.sendText('The first half ');
      exchange.sendRaw(`data: ${providerError({ code: 'server_error' })}\n\n`);
      exchange.cut('clean-eof');
    });
    const { client } = connect(sdk, stack);
    const runner = client.chat.completions.stream(hello);
    await expectError(await failureOf(runner.finalChatCompletion()), 'APIError', { code: 'upstream_failed' });
  });

  it('a model that breaks off is an error, not a short answer, also where nothing streams', async () => {
    stack.model.script({ cut: 'clean-eof', atByte: CUT_AT_BYTE, answer: CUT_ANSWER });
    const { client, attempts } = connect(sdk, stack);
    const thrown = await failureOf(client.chat.completions.create(hello));
    await expectError(thrown, 'InternalServerError', { status: 502, code: 'stream_interrupted' });
    expect(attempts()).toBe(1);
  });
});

describe('with a service gone', () => {
  const [sdk] = SDKS;

  it('a dead agent is 503, asked again while nothing has begun', async () => {
    await stack.killService('agent-conversational');
    const { client, attempts } = connect(sdk!, stack, { maxRetries: 1 });
    const thrown = await failureOf(client.chat.completions.create(hello));
    expect(thrown).toBeInstanceOf(sdk!.OpenAI.InternalServerError);
    expect(thrown).toMatchObject({ status: 503, code: 'unavailable' });
    expect(attempts()).toBe(2);
    await stack.startService('agent-conversational');
    expect((await client.chat.completions.create(hello)).choices[0]?.message.content).toBe('ok');
  });

  it('a dead orchestrator is 503', async () => {
    await stack.killService('orchestrator');
    const { client } = connect(sdk!, stack, { maxRetries: 0 });
    const thrown = await failureOf(client.chat.completions.create({ ...hello, stream: true }));
    expect(thrown).toMatchObject({ status: 503, code: 'unavailable' });
    await stack.startService('orchestrator');
    expect((await client.chat.completions.create(hello)).choices[0]?.message.content).toBe('ok');
  });
});
