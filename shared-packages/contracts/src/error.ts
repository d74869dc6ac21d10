import { z } from 'zod';

/**
 * Every code a caller can meet in `error.code`. The names cross the wire: a reader that meets a code it does
 * not know falls back to the HTTP status, so adding one is a compatible change and renaming one is not.
 */
export const ERROR_CODES = [
  'invalid_request',
  'invalid_api_key',
  'forbidden',
  'not_found',
  'model_not_found',
  'request_timeout',
  'conflict',
  'payload_too_large',
  'unsupported_media_type',
  'idempotency_mismatch',
  'rate_limited',
  'insufficient_quota',
  'cancelled',
  'slow_reader',
  'internal',
  'run_crashed',
  'misconfigured',
  'unsupported_wire_version',
  'upstream_failed',
  'stream_interrupted',
  'unavailable',
  'deadline_exceeded',
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

/** OpenAI's error object: all four fields are always present, as its SDKs read each of them. */
export const ErrorObject = z.looseObject({
  message: z.string(),
  type: z.string(),
  param: z.string().nullish(),
  code: z.string().nullish(),
});

export const ErrorBody = z.looseObject({ error: ErrorObject });
export type ErrorBody = z.infer<typeof ErrorBody>;
