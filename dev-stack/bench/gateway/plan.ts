import type { BenchLength } from '../bench.ts';
import type { RoundPlan } from '../measures/take-turns.ts';

/** How long each part measures. */
export interface GatewayPlan {
  readonly warmUpMs: number;
  readonly throughput: RoundPlan;
  readonly streams: RoundPlan;
  readonly latency: RoundPlan;
  readonly firstToken: RoundPlan;
}

export const GATEWAY_PLANS: Readonly<Record<BenchLength, GatewayPlan>> = {
  quick: {
    warmUpMs: 800,
    throughput: { rounds: 3, turnMs: 500 },
    streams: { rounds: 3, turnMs: 300 },
    latency: { rounds: 3, turnMs: 400 },
    firstToken: { rounds: 3, turnMs: 300 },
  },
  usual: {
    warmUpMs: 3_000,
    throughput: { rounds: 5, turnMs: 1_500 },
    streams: { rounds: 5, turnMs: 1_000 },
    latency: { rounds: 4, turnMs: 1_500 },
    firstToken: { rounds: 4, turnMs: 1_000 },
  },
  long: {
    warmUpMs: 3_000,
    throughput: { rounds: 11, turnMs: 2_000 },
    streams: { rounds: 11, turnMs: 1_500 },
    latency: { rounds: 9, turnMs: 2_000 },
    firstToken: { rounds: 9, turnMs: 1_500 },
  },
};
