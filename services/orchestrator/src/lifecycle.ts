import { RubotError } from '@rubot/errors';

/** Whether the process still wants requests; readiness asks, the shutdown tells. */
export interface Lifecycle {
  isDraining(): boolean;
  /** Aborts with the drain, for what would last longer than it: those who follow a run, which another replica can let them do. */
  readonly signal: AbortSignal;
  drain(): void;
}

export function createLifecycle(): Lifecycle {
  const draining = new AbortController();
  return {
    isDraining: () => draining.signal.aborted,
    signal: draining.signal,
    drain: () => draining.abort(new RubotError('unavailable', 'This replica shuts down. Connect again and read on from the last number.')),
  };
}
