import { ERROR_CODES, ErrorBody, type ErrorCode } from '@rubot/contracts/error';
import { HEADERS } from '@rubot/contracts/headers';
import { parseJson } from '@rubot/contracts/parse-json';
import { codeOfStatus } from './codes.ts';
import { RubotError } from './rubot-error.ts';

const KNOWN_CODES: ReadonlySet<string> = new Set(ERROR_CODES);

/**
 * The failure that another rubot service answered, as our own error. A body that is not ours (a proxy's HTML
 * page, a platform's text) lends nothing but its status.
 *
 * @param text of the body, read by the caller within its limits
 * @param peer names the service in the message, as in "the orchestrator"
 */
export function fromOpenAiResponse({ status, headers }: Pick<Response, 'status' | 'headers'>, text: string, peer: string): RubotError {
  const headerCode = toKnownCode(headers.get(HEADERS.errorCode));
  const ours = fromOpenAiErrorText(text, status, headerCode);
  if (ours === undefined) return foreignFailure(status, headers, peer, headerCode);
  const shouldRetry = headers.get(HEADERS.shouldRetry);
  return new RubotError(ours.code, ours.message, {
    saidByPeer: true,
    param: ours.param,
    retryAfterMs: readRetryAfterMs(headers),
    ...(shouldRetry === null ? {} : { retryable: shouldRetry === 'true' }),
  });
}

/** The error of an in-stream `data: {"error": …}` frame, or `undefined` when the data is not one. */
export function fromOpenAiErrorData(data: unknown): RubotError | undefined {
  const body = ErrorBody.safeParse(data);
  if (!body.success) return undefined;
  const code = toKnownCode(body.data.error.code) ?? 'upstream_failed';
  return new RubotError(code, body.data.error.message, { saidByPeer: true, param: body.data.error.param ?? undefined });
}

interface ParsedError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly param: string | undefined;
}

function fromOpenAiErrorText(text: string, status: number, headerCode: ErrorCode | undefined): ParsedError | undefined {
  const body = ErrorBody.safeParse(parseJson(text));
  if (!body.success) return undefined;
  const { message, param, code } = body.data.error;
  return { code: toKnownCode(code) ?? headerCode ?? codeOfStatus(status), message, param: param ?? undefined };
}

function foreignFailure(status: number, headers: Headers, peer: string, headerCode: ErrorCode | undefined): RubotError {
  const code = headerCode ?? (status === 503 ? 'unavailable' : 'upstream_failed');
  const contentType = headers.get('content-type') ?? 'no content type';
  return new RubotError(code, `${peer} answered ${status} with something that is not rubot's. Check what stands in front of it.`, {
    operatorDetail: `status ${status}, ${contentType}`,
    // A proxy answers 503 for a peer that broke off as well as for one that it never reached; only the peer's own header tells.
    retryable: headers.get(HEADERS.shouldRetry) === 'true',
  });
}

function toKnownCode(code: string | null | undefined): ErrorCode | undefined {
  return code !== null && code !== undefined && KNOWN_CODES.has(code) ? (code as ErrorCode) : undefined;
}

function readRetryAfterMs(headers: Headers): number | undefined {
  const milliseconds = Number(headers.get('retry-after-ms') ?? Number.NaN);
  if (Number.isFinite(milliseconds)) return milliseconds;
  const seconds = Number(headers.get('retry-after') ?? Number.NaN);
  return Number.isFinite(seconds) ? seconds * 1_000 : undefined;
}
