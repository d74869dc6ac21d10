import type { ErrorCode } from '@rubot/contracts/error';

export interface ErrorTraits {
  /** HTTP status at a boundary that has not answered yet. */
  readonly status: number;
  /** OpenAI's `error.type`, by which its users branch. */
  readonly type: string;
  /**
   * Sent as `x-should-retry`, which OpenAI's SDKs obey. True only where the failure proves that no model
   * call and no tool effect has begun, as those SDKs repeat a POST without an idempotency key.
   */
  readonly retryable: boolean;
}

export const ERROR_TABLE: Readonly<Record<ErrorCode, ErrorTraits>> = {
  invalid_request: { status: 400, type: 'invalid_request_error', retryable: false },
  invalid_api_key: { status: 401, type: 'authentication_error', retryable: false },
  forbidden: { status: 403, type: 'permission_error', retryable: false },
  not_found: { status: 404, type: 'invalid_request_error', retryable: false },
  model_not_found: { status: 404, type: 'invalid_request_error', retryable: false },
  request_timeout: { status: 408, type: 'invalid_request_error', retryable: true },
  conflict: { status: 409, type: 'invalid_request_error', retryable: false },
  payload_too_large: { status: 413, type: 'invalid_request_error', retryable: false },
  unsupported_media_type: { status: 415, type: 'invalid_request_error', retryable: false },
  idempotency_mismatch: { status: 422, type: 'invalid_request_error', retryable: false },
  rate_limited: { status: 429, type: 'rate_limit_error', retryable: true },
  insufficient_quota: { status: 429, type: 'insufficient_quota', retryable: false },
  cancelled: { status: 499, type: 'request_cancelled', retryable: false },
  slow_reader: { status: 408, type: 'server_error', retryable: false },
  internal: { status: 500, type: 'server_error', retryable: false },
  run_crashed: { status: 500, type: 'server_error', retryable: false },
  misconfigured: { status: 500, type: 'server_error', retryable: false },
  unsupported_wire_version: { status: 502, type: 'server_error', retryable: false },
  upstream_failed: { status: 502, type: 'server_error', retryable: false },
  stream_interrupted: { status: 502, type: 'server_error', retryable: false },
  unavailable: { status: 503, type: 'server_error', retryable: true },
  deadline_exceeded: { status: 504, type: 'server_error', retryable: false },
};

/** The code that stands for a status whose body was not ours: a proxy's page, a platform's error. */
export function codeOfStatus(status: number): ErrorCode {
  const exact = STATUS_CODES.get(status);
  if (exact !== undefined) return exact;
  return status >= 500 ? 'upstream_failed' : 'invalid_request';
}

const STATUS_CODES: ReadonlyMap<number, ErrorCode> = new Map([
  [400, 'invalid_request'],
  [401, 'invalid_api_key'],
  [403, 'forbidden'],
  [404, 'not_found'],
  [408, 'request_timeout'],
  [409, 'conflict'],
  [413, 'payload_too_large'],
  [415, 'unsupported_media_type'],
  [422, 'idempotency_mismatch'],
  [429, 'rate_limited'],
  [503, 'unavailable'],
  [504, 'deadline_exceeded'],
]);
