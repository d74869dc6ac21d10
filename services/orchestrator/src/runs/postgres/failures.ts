import { RubotError } from '@rubot/errors';

const RETRY_AFTER_MS = 1_000;

/** Classes 08, 53, 57, 58: connection, resources, an operator's intervention, the system; 25006: a replica that is read-only. */
const OUTAGE = /^(?:08|53|57|58)|^25006$/;
/** Unlike EPIPE and its like, which say nothing of what was done, it has a digit. */
const SQLSTATE = /^(?=.*\d)[0-9A-Z]{5}$/;
const NOT_CONNECTED: ReadonlySet<unknown> = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH']);
/** What pg itself says, without a code, of connections that it lost or never got. */
const LOST_CONNECTION =
  /^(?:Connection terminated|timeout exceeded when trying to connect|Query read timeout|Client has encountered a connection)/;

/** Runs a statement; an outage of the database becomes `unavailable`, any other failure of it is a bug and stays what it is. */
export async function orUnavailable<T>(statement: () => Promise<T>): Promise<T> {
  try {
    return await statement();
  } catch (thrown) {
    const cause = causeOf(thrown);
    if (!isOutage(cause)) throw cause;
    throw new RubotError('unavailable', 'The database of runs cannot be reached. Try again in a moment.', {
      cause,
      retryAfterMs: RETRY_AFTER_MS,
      // A connection that broke under a statement may have broken behind its commit.
      retryable: hasCertainlyDoneNothing(cause),
    });
  }
}

/** The server's own word that a statement failed, for a reason that lies in it: nothing of it was done. */
export function isRefused(thrown: unknown): boolean {
  const code = codeOf(causeOf(thrown));
  return typeof code === 'string' && SQLSTATE.test(code) && !OUTAGE.test(code);
}

/** Drizzle wraps what the driver throws, and quotes statement and values: messages of people, and bearers. */
function causeOf(thrown: unknown): unknown {
  return thrown instanceof Error && thrown.cause instanceof Error ? thrown.cause : thrown;
}

function codeOf(cause: unknown): unknown {
  return cause instanceof Error && 'code' in cause ? cause.code : undefined;
}

function isOutage(cause: unknown): boolean {
  const code = codeOf(cause);
  if (typeof code === 'string') return OUTAGE.test(code) || NOT_CONNECTED.has(code) || code === 'ECONNRESET' || code === 'EPIPE';
  return cause instanceof Error && LOST_CONNECTION.test(cause.message);
}

function hasCertainlyDoneNothing(cause: unknown): boolean {
  const code = codeOf(cause);
  // An SQLSTATE is the server's own word that the statement failed.
  if (typeof code === 'string') return OUTAGE.test(code) || NOT_CONNECTED.has(code);
  return cause instanceof Error && cause.message.startsWith('timeout exceeded when trying to connect');
}
