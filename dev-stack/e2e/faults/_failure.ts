import { once } from 'node:events';
import { createServer } from 'node:net';
import { ErrorBody } from '@rubot/contracts/error';
import { HEADERS } from '@rubot/contracts/headers';
import { TraceId } from '@rubot/contracts/ids';
import OpenAI from 'openai';
import { expect } from 'vitest';
import { type ModelStack, postCompletion, toChatSourceHeaders } from '../_stack.ts';

/** What a proxy of somebody's network puts in place of an answer; no word of it may reach a client or a log. */
export const PAGE = '<html><body><h1>Bad gateway</h1>canary-page upstream 10.20.30.40:8080</body></html>';
export const PAGE_WORDS = /canary-page|10\.20\.30\.40|<html/;

export interface Failure {
  readonly status: number;
  readonly code: string | null | undefined;
  readonly message: string;
  readonly shouldRetry: string | null;
  readonly traceId: string;
  readonly durationMs: number;
}

/** Asks where a failure before the first token is to be expected, and reads it as the typed error that it must be. */
export async function askForFailure(stack: ModelStack, model: string, options: { readonly stream: boolean }): Promise<Failure> {
  const startedAtMs = performance.now();
  const response = await postCompletion(stack, { model, messages: [{ role: 'user', content: 'canary-question' }], stream: options.stream });
  const text = await response.text();
  expect(response.headers.get('content-type')).toMatch(/^application\/json/);
  const { error } = ErrorBody.strict().parse(JSON.parse(text));
  const traceId = TraceId.parse(response.headers.get(HEADERS.traceId));
  expect(response.headers.get(HEADERS.errorCode)).toBe(error.code);
  expect(error.message).not.toMatch(/canary/);
  return {
    status: response.status,
    code: error.code,
    message: error.message,
    shouldRetry: response.headers.get(HEADERS.shouldRetry),
    traceId,
    durationMs: performance.now() - startedAtMs,
  };
}

/** The text of a whole answer. */
export async function askForAnswer(stack: ModelStack, model: string): Promise<string> {
  const completion = await createClient(stack).chat.completions.create({ model, messages: [{ role: 'user', content: 'How are you?' }] });
  expect(completion.choices[0]?.finish_reason).toBe('stop');
  return completion.choices[0]?.message.content ?? '';
}

/** An answer that has begun: its first words are read, and the rest waits for what the test does to it. */
export interface BegunAnswer {
  readonly firstWords: string;
  readonly traceId: string;
  /** Reads on to the end, and says how it came. */
  finish(): Promise<{ readonly text: string; readonly finishReason: string | null; readonly errorCode: string | null | undefined }>;
}

/** What is asked for an answer that shall begin. */
export const STORY = 'Tell me a story.';

/** Begins a stream, whose model or agent must send its first words by itself. */
export async function beginAnswer(stack: ModelStack, model: string): Promise<BegunAnswer> {
  const { data, response } = await createClient(stack)
    .chat.completions.create({ model, stream: true, messages: [{ role: 'user', content: STORY }] })
    .withResponse();
  const chunks = data[Symbol.asyncIterator]();
  let text = '';
  while (text === '') text += (await chunks.next()).value?.choices[0]?.delta.content ?? '';
  return {
    firstWords: text,
    traceId: TraceId.parse(response.headers.get(HEADERS.traceId)),
    async finish() {
      let finishReason: string | null = null;
      try {
        for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) {
          const [choice] = next.value.choices;
          text += choice?.delta.content ?? '';
          finishReason = choice?.finish_reason ?? finishReason;
        }
        return { text, finishReason, errorCode: undefined };
      } catch (thrown) {
        if (!(thrown instanceof OpenAI.APIError)) throw thrown;
        return { text, finishReason, errorCode: thrown.code };
      }
    },
  };
}

function createClient(stack: ModelStack): OpenAI {
  return new OpenAI({
    baseURL: `${stack.urls.gateway}/v1`,
    apiKey: stack.keys.GATEWAY_API_KEY,
    defaultHeaders: toChatSourceHeaders(stack),
    maxRetries: 0,
  });
}

/** An origin where nothing listens. */
export async function findDeadOrigin(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
}
