import { HEADERS } from '@rubot/contracts/headers';
import { ERROR_TABLE } from './codes.ts';
import type { RubotError } from './rubot-error.ts';

/** OpenAI's error object; its SDKs read all four fields. */
export interface OpenAiErrorBody {
  readonly error: { readonly message: string; readonly type: string; readonly param: string | null; readonly code: string };
}

export function toOpenAiError(error: RubotError): OpenAiErrorBody {
  return {
    error: {
      message: error.message,
      type: ERROR_TABLE[error.code].type,
      param: error.param ?? null,
      code: error.code,
    },
  };
}

/** The whole answer for a request that has not been answered yet. */
export function toOpenAiResponse(error: RubotError): Response {
  const headers = new Headers({
    'content-type': 'application/json; charset=utf-8',
    'cache-control': 'no-store',
    [HEADERS.shouldRetry]: String(error.retryable),
    // A proxy on the way may replace the body of a 502 or a 504, so the code travels as a header too.
    [HEADERS.errorCode]: error.code,
  });
  if (error.retryAfterMs !== undefined) {
    headers.set('retry-after', String(Math.ceil(error.retryAfterMs / 1_000)));
    headers.set('retry-after-ms', String(Math.ceil(error.retryAfterMs)));
  }
  return new Response(JSON.stringify(toOpenAiError(error)), { status: error.status, headers });
}

/** The frame that tells of a failure once the 200 of a stream has been sent; the stream ends after it. */
export function toSseErrorFrame(error: RubotError): string {
  return `data: ${JSON.stringify(toOpenAiError(error))}\n\n`;
}
