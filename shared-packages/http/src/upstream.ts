import { HEADERS, WIRE_VERSION } from '@rubot/contracts/headers';
import { RubotError } from '@rubot/errors';
import { fromOpenAiResponse } from '@rubot/errors/from-openai';
import type { Span } from '@rubot/logging/span';
import { toTraceHeaders } from '@rubot/logging/trace-context';
import type { z } from 'zod';
import { type JsonBody, parseJson, readBytes } from './body.ts';
import { isConnectFailure } from './connect-failure.ts';
import { type Deadline, toReason } from './deadline.ts';

/** The part of fetch that services use: a service binding, an undici pool, or another app in a test. */
export type FetchLike = (url: string, init: UpstreamInit) => Promise<Response>;

export interface UpstreamInit {
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body?: string | Uint8Array<ArrayBuffer>;
  readonly signal: AbortSignal;
  /** An answer that points elsewhere is not followed: it would carry our keys there. */
  readonly redirect: 'manual';
}

export interface UpstreamCall {
  readonly fetch: FetchLike;
  /** Service name for the log, such as `rubot-orchestrator`. */
  readonly peer: string;
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly url: string;
  readonly headers?: Record<string, string>;
  readonly body?: string | Uint8Array<ArrayBuffer>;
  /** A POST that may be sent twice, as a GET may: whoever meets its failure is told so. */
  readonly isIdempotent?: boolean;
  /** The span under which the call is made. */
  readonly span: Span;
  readonly deadline: Deadline;
}

/** An answer with a 2xx whose body has not been read. `span` ends with the body, so whoever reads the body ends it. */
export interface UpstreamAnswer {
  readonly response: Response;
  readonly span: Span;
}

const MAX_UPSTREAM_JSON_BYTES = 8_388_608;

/**
 * Calls another rubot service: trace, wire version and remaining time go along, a refusal comes back as our error.
 *
 * @throws RubotError the peer's own; `unavailable` when no connection was made; the deadline's reason
 */
export async function callUpstream(call: UpstreamCall): Promise<UpstreamAnswer> {
  const span = call.span.child({
    event: 'upstream.completed',
    name: `${call.method} ${new URL(call.url).pathname}`,
    kind: 'client',
    peer: call.peer,
  });
  // Also when nobody reads on: workerd runs nothing after an await once the client has gone.
  call.deadline.signal.addEventListener('abort', () => span.end({ error: call.deadline.signal.reason }), { once: true });
  try {
    const response = await send(call, span);
    if (response.ok) return { response, span };
    throw await readRefusal(call.peer, response);
  } catch (thrown) {
    const reason = toReason(thrown, call.deadline);
    span.end({ error: reason });
    throw reason;
  }
}

const MAX_REFUSAL_BYTES = 16_384;

async function readRefusal(peer: string, response: Response): Promise<RubotError> {
  // A body that is too long or breaks off is not one of ours, and lends nothing.
  const bytes = await readBytes(response, { maxBytes: MAX_REFUSAL_BYTES }).catch(() => new Uint8Array());
  const error = fromOpenAiResponse(response, new TextDecoder().decode(bytes), peer);
  if (error.code !== 'invalid_api_key') return error;
  // What was refused is a key of ours; a client whose own key is right must not be told that it is wrong.
  return new RubotError('misconfigured', `rubot is not set up right: ${peer} refuses another of its services. Tell the operator.`, {
    saidByPeer: true,
    operatorDetail: `${peer} answered 401: a key or BEARER_SIGNING_SECRET differs between the two, or a data bearer has expired`,
    cause: error,
  });
}

/**
 * A call whose answer is JSON of a known shape.
 *
 * @throws RubotError also `upstream_failed` when the answer does not fit the shape
 */
export async function callUpstreamJson<Schema extends z.ZodType>(call: UpstreamCall, schema: Schema): Promise<z.output<Schema>> {
  return readUpstreamJson(call, await callUpstream(call), schema);
}

/** The body of an answer as JSON of a known shape; ends the span of the call. */
export async function readUpstreamJson<Schema extends z.ZodType>(
  call: UpstreamCall,
  answer: UpstreamAnswer,
  schema: Schema,
): Promise<z.output<Schema>> {
  return (await readUpstreamBody(call, answer, schema)).value;
}

/** As `readUpstreamJson`, with the bytes beside the value: for an answer that is checked and then passed on as it came. */
export async function readUpstreamBody<Schema extends z.ZodType>(
  call: UpstreamCall,
  { response, span }: UpstreamAnswer,
  schema: Schema,
): Promise<JsonBody<z.output<Schema>>> {
  try {
    const body = await readJsonAnswer(call, response, schema);
    span.end({ extra: { status: response.status } });
    return body;
  } catch (thrown) {
    const reason = toReason(thrown, call.deadline);
    span.end({ error: reason });
    throw reason;
  }
}

/** A call of which only its success matters. */
export async function callUpstreamWithoutBody(call: UpstreamCall): Promise<void> {
  const { response, span } = await callUpstream(call);
  await response.body?.cancel();
  span.end({ extra: { status: response.status } });
}

async function readJsonAnswer<Schema extends z.ZodType>(
  call: UpstreamCall,
  response: Response,
  schema: Schema,
): Promise<JsonBody<z.output<Schema>>> {
  const bytes = await readBytes(response, { maxBytes: MAX_UPSTREAM_JSON_BYTES }).catch((cause: unknown) => {
    throw new RubotError('upstream_failed', `The answer of ${call.peer} broke off.`, { cause });
  });
  const result = schema.safeParse(parseAnswer(call.peer, bytes));
  if (result.success) return { bytes, value: result.data };
  throw new RubotError(
    'upstream_failed',
    `${call.peer} answered in a shape that is not the contract's. Check that both run compatible versions.`,
    {
      operatorDetail: result.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; '),
    },
  );
}

function parseAnswer(peer: string, bytes: Uint8Array): unknown {
  try {
    return parseJson(bytes);
  } catch (cause) {
    throw new RubotError('upstream_failed', `${peer} answered with something that is not JSON. Check what stands in front of it.`, {
      cause,
    });
  }
}

async function send(call: UpstreamCall, span: Span): Promise<Response> {
  try {
    return await call.fetch(call.url, {
      method: call.method,
      headers: {
        ...call.headers,
        ...toTraceHeaders(span),
        ...(call.body === undefined ? {} : { 'content-type': 'application/json' }),
        [HEADERS.wire]: String(WIRE_VERSION),
        [HEADERS.timeoutMs]: String(Math.floor(call.deadline.remainingMs())),
      },
      ...(call.body === undefined ? {} : { body: call.body }),
      signal: call.deadline.signal,
      redirect: 'manual',
    });
  } catch (thrown) {
    const reason = toReason(thrown, call.deadline);
    if (RubotError.is(reason)) throw reason;
    throw new RubotError('unavailable', `${call.peer} cannot be reached. Try again in a moment.`, {
      cause: reason,
      retryAfterMs: 1_000,
      retryable: call.method === 'GET' || call.isIdempotent === true || isConnectFailure(reason),
    });
  }
}
