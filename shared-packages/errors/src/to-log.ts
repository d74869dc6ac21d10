import type { LogLine } from '@rubot/contracts/log';
import { RubotError } from './rubot-error.ts';

/** What the log may know of a failure: the caller's message, the operator's detail, the stack of a bug. */
export function toLogError(thrown: unknown): NonNullable<LogLine['error']> {
  const error = RubotError.from(thrown);
  const cause = error.cause instanceof Error ? error.cause : undefined;
  const detail = error.operatorDetail ?? (cause === undefined ? undefined : `${cause.name}: ${cause.message}`);
  const stack = error.code === 'internal' ? (cause ?? error).stack : undefined;
  return {
    code: error.code,
    message: error.message,
    ...(detail === undefined ? {} : { detail }),
    ...(stack === undefined ? {} : { stack }),
  };
}
