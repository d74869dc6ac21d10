import { HEADERS } from '@rubot/contracts/headers';
import { RubotError } from '@rubot/errors';

/** One moment by which the whole chain must have answered, and the signal that says "stop". */
export interface Deadline {
  /** Aborts with a RubotError: `deadline_exceeded`, or `cancelled` when the caller has gone. */
  readonly signal: AbortSignal;
  /** What the next hop is granted; relative, as clocks of hosts differ. Never under zero. */
  remainingMs(): number;
  /** Stops the work under this deadline for a reason of our own. */
  abort(reason: RubotError): void;
  /** From here on the work may take any time; the caller's leaving still ends it. */
  lift(): void;
  /** Must be called when the work has ended; frees the timer. */
  clear(): void;
}

export interface CreateDeadlineOptions {
  readonly timeoutMs: number;
  /** The caller's signal: it aborts when the client disconnects. */
  readonly callerSignal?: AbortSignal | undefined;
  readonly now?: () => number;
}

export function createDeadline({ timeoutMs, callerSignal, now = Date.now }: CreateDeadlineOptions): Deadline {
  const endsAtMs = now() + timeoutMs;
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(toDeadlineError(timeoutMs)), timeoutMs);

  function onCallerGone(): void {
    controller.abort(new RubotError('cancelled', 'The client closed the connection before the answer was complete.'));
  }
  if (callerSignal?.aborted === true) onCallerGone();
  else callerSignal?.addEventListener('abort', onCallerGone, { once: true });

  return {
    signal: controller.signal,
    remainingMs: () => Math.max(0, endsAtMs - now()),
    abort: (reason) => controller.abort(reason),
    lift: () => clearTimeout(timer),
    clear() {
      clearTimeout(timer);
      callerSignal?.removeEventListener('abort', onCallerGone);
    },
  };
}

function toDeadlineError(timeoutMs: number): RubotError {
  return new RubotError(
    'deadline_exceeded',
    `The answer was not complete within ${timeoutMs} ms. Ask for less at once, or raise REQUEST_TIMEOUT_MS.`,
  );
}

/** What the caller grants by header, never more than this service's own limit. */
export function readGrantedMs(headers: Headers, limitMs: number): number {
  const granted = Number(headers.get(HEADERS.timeoutMs) ?? Number.NaN);
  return Number.isFinite(granted) && granted >= 0 ? Math.min(granted, limitMs) : limitMs;
}

/**
 * What to throw for a failure under a deadline: the deadline's own reason when that is what broke the work,
 * as runtimes wrap an abort in errors of many names.
 */
export function toReason(thrown: unknown, deadline: Deadline): unknown {
  return deadline.signal.aborted ? deadline.signal.reason : thrown;
}
