/** How long each part measures. A round is one turn of every target; ratios are taken within rounds. */
export interface Plan {
  readonly warmUpMs: number;
  readonly throughput: RoundPlan;
  readonly streams: RoundPlan;
  readonly latency: RoundPlan;
  readonly firstToken: RoundPlan;
}

export interface RoundPlan {
  readonly rounds: number;
  readonly turnMs: number;
}

/** About 90 seconds. */
export const FULL_PLAN: Plan = {
  warmUpMs: 3_000,
  throughput: { rounds: 5, turnMs: 1_500 },
  streams: { rounds: 5, turnMs: 1_000 },
  latency: { rounds: 4, turnMs: 1_500 },
  firstToken: { rounds: 4, turnMs: 1_000 },
};

/** About 20 seconds: shows whether something broke, not what a change is worth. */
export const QUICK_PLAN: Plan = {
  warmUpMs: 800,
  throughput: { rounds: 3, turnMs: 500 },
  streams: { rounds: 3, turnMs: 300 },
  latency: { rounds: 3, turnMs: 400 },
  firstToken: { rounds: 3, turnMs: 300 },
};
