import type { Standing, Verdict } from './decide.ts';
import type { Demand } from './demands.ts';

/** What a run wants to hold of its limits. */
export interface Reservation {
  readonly runId: string;
  readonly demands: readonly Demand[];
}

export interface ReservedVerdict extends Verdict {
  /** False where nothing was taken, as something is reserved for this run already: the same request came before. */
  readonly isNew: boolean;
}

/**
 * What runs hold of their limits, over all processes. A run reserves before it is let in, and is settled once, when it has ended; or
 * released, when it was not let in.
 */
export interface Reservations {
  /** Takes all that the run demands, or nothing. */
  reserve(reservation: Reservation): Promise<ReservedVerdict>;
  /** Where somebody stands with limits that nothing is taken of. */
  peek(demands: readonly Demand[]): Promise<readonly Standing[]>;
  /** Gives all of it back; only for a run that was certainly not let in by this reservation. */
  release(runId: string): Promise<void>;
  /** Corrects what was reserved by what the run has used, if it has ended. Doing it twice, or at the same time, does no harm. */
  settle(runId: string): Promise<void>;
  /** Settles runs that nobody has settled, and releases those that never came to be. @returns how many */
  sweep(limit: number): Promise<number>;
}
