import type { BenchLength } from '../bench.ts';
import type { RoundPlan } from '../measures/take-turns.ts';

/** How long each part measures. */
export interface DurablePlan {
  readonly warmUpMs: number;
  readonly completions: RoundPlan;
  /** A stream takes a second, and each client's first is not counted. */
  readonly firstToken: RoundPlan;
  readonly queue: RoundPlan;
}

export const DURABLE_PLANS: Readonly<Record<BenchLength, DurablePlan>> = {
  quick: {
    warmUpMs: 1_000,
    completions: { rounds: 3, turnMs: 600 },
    firstToken: { rounds: 1, turnMs: 3_500 },
    queue: { rounds: 3, turnMs: 500 },
  },
  usual: {
    warmUpMs: 3_000,
    completions: { rounds: 5, turnMs: 1_500 },
    firstToken: { rounds: 2, turnMs: 4_000 },
    queue: { rounds: 5, turnMs: 1_000 },
  },
  long: {
    warmUpMs: 8_000,
    completions: { rounds: 11, turnMs: 4_000 },
    firstToken: { rounds: 5, turnMs: 8_000 },
    queue: { rounds: 11, turnMs: 3_000 },
  },
};
