import { APICallError } from '@ai-sdk/provider';
import type { ErrorCode } from '@rubot/contracts/error';
import { RubotError } from '@rubot/errors';
import { isConnectFailure } from '@rubot/http/connect-failure';
import { redactText } from '@rubot/logging/redact';
import { z } from 'zod';

/** OpenAI's and Anthropic's error bodies, as far as they agree. */
const ProviderErrorBody = z.looseObject({
  error: z.looseObject({
    message: z.string().nullish(),
    type: z.string().nullish(),
    param: z.string().nullish().catch(undefined),
    code: z.union([z.string(), z.number()]).nullish(),
  }),
});
type ProviderError = z.infer<typeof ProviderErrorBody>['error'];

interface Failure {
  readonly code: ErrorCode;
  readonly message: string;
}

const MISCONFIGURED: Failure = {
  code: 'misconfigured',
  message: 'The model provider refuses this installation. Tell the operator; asking again will not help.',
};
const REFUSED: Failure = { code: 'upstream_failed', message: 'The model provider refused the request. Report it with the trace id.' };
const OVERLOADED: Failure = { code: 'unavailable', message: 'The model is overloaded. Try again in a moment.' };
const FAILED: Failure = { code: 'upstream_failed', message: 'The model provider failed to answer. Try again in a moment.' };
const UNREACHABLE: Failure = { code: 'unavailable', message: 'The model provider cannot be reached. Try again in a moment.' };
const BROKEN_OFF: Failure = { code: 'unavailable', message: 'The model provider broke off before it answered. Try again in a moment.' };
const RATE_LIMITED: Failure = { code: 'rate_limited', message: 'The model provider takes no more requests for now. Wait and try again.' };

const FAILURE_OF_STATUS: ReadonlyMap<number, Failure> = new Map([
  [401, MISCONFIGURED],
  [402, MISCONFIGURED],
  [403, MISCONFIGURED],
  [404, MISCONFIGURED],
  [429, RATE_LIMITED],
  [503, OVERLOADED],
  [529, OVERLOADED],
]);

/** Parameters that reach the provider as the client sent them: a 400 about one of them is the client's to mend. */
const CLIENT_PARAMETERS =
  /^(?:messages|tools|tool_choice|response_format|temperature|top_p|max_tokens|max_completion_tokens|stop|stop_sequences|seed|frequency_penalty|presence_penalty|logit_bias|reasoning_effort|user)\b/;
const UNKNOWN_MODEL = /^(?:model_not_found|invalid_model|unknown_model)$/;
const TOO_LONG = /context_length_exceeded|string_above_max_length|request_too_large|prompt is too long/;

/** A connection that stood and broke: the provider may have read the request, and may charge for it. */
const BROKEN_CONNECTION: ReadonlySet<unknown> = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET']);

const MAX_DETAIL_CHARACTERS = 300;

/**
 * Whatever a call to a model threw, as our own error. Words of the provider go to the operator alone: they may name
 * its keys, its quotas or its hosts.
 */
export function toModelFailure(thrown: unknown): RubotError {
  const known = findCause(thrown, RubotError.is);
  if (known !== undefined) return known;
  const refusal = findCause(thrown, APICallError.isInstance);
  if (refusal?.statusCode !== undefined && refusal.statusCode >= 300) return toRefusal(refusal, refusal.statusCode);
  const { code, message, retryable } = findNetworkFailure(thrown) ?? { ...FAILED, retryable: false };
  return new RubotError(code, message, { retryable, cause: thrown, operatorDetail: describe(thrown) });
}

/** The error object that a provider sends inside a stream which has begun. */
export function toStreamFailure(error: unknown): RubotError {
  if (error instanceof Error) return toModelFailure(error);
  return new RubotError(
    'upstream_failed',
    'The model failed in the middle of its answer. What has arrived so far is incomplete; ask again.',
    {
      operatorDetail: shorten(JSON.stringify(error) ?? String(error)),
    },
  );
}

/** A stream that stopped short of its end. */
export function toInterruption(operatorDetail: string, cause?: unknown): RubotError {
  return new RubotError(
    'stream_interrupted',
    'The model broke off in the middle of its answer. What has arrived so far is incomplete; ask again.',
    {
      operatorDetail,
      cause,
    },
  );
}

function toRefusal(refusal: APICallError, status: number): RubotError {
  const body = readBody(refusal.responseBody);
  const operatorDetail = shorten(
    `status ${status}: ${[body?.type, body?.code, body?.param, mayQuoteKey(status) ? undefined : body?.message].filter(Boolean).join(', ')}`,
  );
  if (isClientFault(status, body)) return toClientFault(body, operatorDetail);
  const { code, message } = FAILURE_OF_STATUS.get(status) ?? toOtherFailure(status, body);
  const retryAfterMs = readRetryAfterMs(refusal.responseHeaders ?? {});
  return new RubotError(code, message, { operatorDetail, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) });
}

/** Some providers say with a 400 what others say with a 404: that they have no such model. No other attempt will find it. */
function toOtherFailure(status: number, body: ProviderError | undefined): Failure {
  if (status >= 500) return FAILED;
  return body?.param === 'model' || UNKNOWN_MODEL.test(String(body?.code)) ? MISCONFIGURED : REFUSED;
}

function isClientFault(status: number, body: ProviderError | undefined): boolean {
  if (status === 413) return true;
  if (status !== 400 && status !== 422) return false;
  return CLIENT_PARAMETERS.test(body?.param ?? '') || isTooLong(body) || isContentRefusal(body);
}

function toClientFault(body: ProviderError | undefined, operatorDetail: string): RubotError {
  if (isContentRefusal(body)) {
    return new RubotError('invalid_request', 'The model provider refuses this content. Change what is asked.', {
      param: 'messages',
      operatorDetail,
    });
  }
  const parameter = CLIENT_PARAMETERS.exec(body?.param ?? '')?.[0];
  if (parameter === undefined || parameter === 'messages' || isTooLong(body)) {
    return new RubotError(
      'invalid_request',
      'The model does not take this conversation, most often because it is too long. Send fewer or shorter messages.',
      {
        param: 'messages',
        operatorDetail,
      },
    );
  }
  return new RubotError('invalid_request', `The model does not take this value of '${parameter}'. Leave it out or change it.`, {
    param: parameter,
    operatorDetail,
  });
}

function isTooLong(body: ProviderError | undefined): boolean {
  return TOO_LONG.test(`${body?.code} ${body?.type} ${body?.message}`);
}

function isContentRefusal(body: ProviderError | undefined): boolean {
  return body?.code === 'content_policy_violation' || body?.code === 'content_filter';
}

function readBody(text: string | undefined): ProviderError | undefined {
  try {
    return ProviderErrorBody.safeParse(JSON.parse(text ?? '')).data?.error;
  } catch {
    return undefined;
  }
}

/** Seconds, as both providers send it. */
function readRetryAfterMs(headers: Readonly<Record<string, string>>): number | undefined {
  const seconds = Number(headers['retry-after'] ?? Number.NaN);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1_000 : undefined;
}

function findNetworkFailure(thrown: unknown): (Failure & { readonly retryable: boolean }) | undefined {
  if (isConnectFailure(thrown)) return { ...UNREACHABLE, retryable: true };
  return findCause(thrown, isBrokenConnection) === undefined ? undefined : { ...BROKEN_OFF, retryable: false };
}

function isBrokenConnection(value: unknown): value is Error {
  return value instanceof Error && 'code' in value && BROKEN_CONNECTION.has(value.code);
}

/** Frameworks wrap what broke, some of them twice. */
function findCause<Found>(thrown: unknown, matches: (value: unknown) => value is Found): Found | undefined {
  let current = thrown;
  for (let depth = 0; depth < 8 && current !== undefined && current !== null; depth += 1) {
    if (matches(current)) return current;
    current = current instanceof Error ? current.cause : undefined;
  }
  return undefined;
}

function describe(thrown: unknown): string {
  const innermost = findCause(thrown, (value): value is Error => value instanceof Error && value.cause === undefined);
  return shorten(innermost === undefined ? String(thrown) : `${innermost.name}: ${innermost.message}`);
}

function shorten(text: string): string {
  return redactText(text).slice(0, MAX_DETAIL_CHARACTERS);
}

/** A provider that refuses a key often repeats it. */
function mayQuoteKey(status: number | undefined): boolean {
  return status === 401 || status === 403;
}
