import type { Settled } from '../load/settle.ts';
import type { World } from '../world/start-world.ts';
import { type RunEvidence, readEvidence } from './evidence.ts';
import { findHeldLimits } from './held-limits.ts';
import {
  commitsStepsInTheirAttempt,
  commitsStepsOnce,
  countsAttemptsUp,
  endsOnce,
  hasEffectsOnce,
  type Invariant,
  isNumberedWithoutGap,
  isWholeWhenCompleted,
  keepsNoStaleWord,
  paysModelOnce,
} from './invariants.ts';

const INVARIANTS: readonly Invariant[] = [
  endsOnce,
  isNumberedWithoutGap,
  countsAttemptsUp,
  commitsStepsOnce,
  commitsStepsInTheirAttempt,
  keepsNoStaleWord,
  paysModelOnce,
  hasEffectsOnce,
  isWholeWhenCompleted,
];

export interface JudgeOptions {
  /** The runs that somebody was promised. */
  readonly accepted: ReadonlySet<string>;
  /** Those of them that somebody has stopped. */
  readonly cancelled?: ReadonlySet<string>;
  /** Fewer completed runs than this prove nothing. */
  readonly leastCompleted: number;
  /** How the world came to rest. */
  readonly settled: Settled;
  /** Whether so many processes may have died under one run that it was given up. */
  readonly mayGiveUp?: boolean;
  /** Invariants that this attack cannot be held to. */
  readonly except?: readonly Invariant[];
}

export interface Judgement {
  readonly violations: readonly string[];
  readonly evidence: readonly RunEvidence[];
  readonly figures: Readonly<Record<'accepted' | 'completed' | 'stranded' | 'redriven', number>>;
}

export async function judge(world: World, options: JudgeOptions): Promise<Judgement> {
  const { accepted, leastCompleted, settled, mayGiveUp = false } = options;
  const evidence = await readEvidence(world);
  const completed = evidence.filter(({ run }) => run.status === 'completed').length;
  return {
    evidence,
    figures: { accepted: accepted.size, completed, stranded: settled.stranded, redriven: settled.redriven },
    violations: [
      ...world.crashes,
      ...findViolations(evidence, options),
      ...(await findHeldLimits(world.database)),
      ...(completed < leastCompleted ? [`only ${completed} runs were completed, of at least ${leastCompleted}`] : []),
      ...(settled.stranded > 0 ? [`${settled.stranded} runs had not ended when all had been well for a while`] : []),
      ...settled.refusals,
      ...(settled.redriven > 0 && !mayGiveUp ? [`${settled.redriven} runs were given up`] : []),
    ],
  };
}

export function findViolations(
  evidence: readonly RunEvidence[],
  { accepted, cancelled = new Set(), except = [] }: Pick<JudgeOptions, 'accepted' | 'cancelled' | 'except'>,
): readonly string[] {
  const known = new Set(evidence.map(({ run }) => run.run_id));
  const lost = [...accepted].filter((runId) => !known.has(runId)).map((runId) => `${runId} was accepted, and is not there`);
  const invariants = INVARIANTS.filter((invariant) => !except.includes(invariant));
  const wrong = evidence.flatMap((one) =>
    [
      ...invariants.flatMap((invariant) => invariant(one)),
      ...findFailure(one, cancelled.has(one.run.run_id) ? 'cancelled' : 'completed'),
    ].map((words) => `${one.run.run_id} ${words}`),
  );
  return [...lost, ...wrong];
}

function findFailure({ run: { status, error } }: RunEvidence, due: 'completed' | 'cancelled'): readonly string[] {
  return status === due ? [] : [`is ${status}: ${error?.code ?? 'no code'}, ${error?.message ?? 'no message'}`];
}
