import { RubotError } from '@rubot/errors';

/** Whether the process still wants requests; readiness asks, the shutdown tells. */
export interface Lifecycle {
  isDraining(): boolean;
  /** Aborts with the drain, for what would last longer than it: those who follow a run, which another replica can let them do. */
  readonly signal: AbortSignal;
  /** Aborts when the drain is over, for whatever is answered still. */
  readonly closing: AbortSignal;
  drain(): void;
  close(): void;
}

export function createLifecycle(): Lifecycle {
  const draining = new AbortController();
  const closing = new AbortController();
  return {
    isDraining: () => draining.signal.aborted,
    signal: draining.signal,
    closing: closing.signal,
    drain: () => draining.abort(new RubotError('unavailable', 'This replica shuts down. Connect again and read on from the last number.')),
    close: () => closing.abort(new RubotError('unavailable', 'This replica shuts down. The run goes on: read on at /v1/runs/{id}/events.')),
  };
}
