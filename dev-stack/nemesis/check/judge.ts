import type { World } from '../world/start-world.ts';
import { type RunEvidence, readEvidence } from './evidence.ts';
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
  /** Fewer completed runs than this prove nothing. */
  readonly leastCompleted: number;
  /** Invariants that this attack cannot be held to. */
  readonly except?: readonly Invariant[];
  /** Whether a run may have ended otherwise than completed. */
  readonly mayFail?: (evidence: RunEvidence) => boolean;
}

export interface Judgement {
  readonly violations: readonly string[];
  readonly evidence: readonly RunEvidence[];
  readonly completed: number;
}

export async function judge(world: World, options: JudgeOptions): Promise<Judgement> {
  const evidence = await readEvidence(world);
  const completed = evidence.filter(({ run }) => run.status === 'completed').length;
  return {
    evidence,
    completed,
    violations: [
      ...world.crashes,
      ...findViolations(evidence, options),
      ...(completed < options.leastCompleted ? [`only ${completed} runs were completed, of at least ${options.leastCompleted}`] : []),
    ],
  };
}

export function findViolations(
  evidence: readonly RunEvidence[],
  { accepted, except = [], mayFail = () => false }: Pick<JudgeOptions, 'accepted' | 'except' | 'mayFail'>,
): readonly string[] {
  const known = new Set(evidence.map(({ run }) => run.run_id));
  const lost = [...accepted].filter((runId) => !known.has(runId)).map((runId) => `${runId} was accepted, and is not there`);
  const invariants = INVARIANTS.filter((invariant) => !except.includes(invariant));
  const wrong = evidence.flatMap((one) =>
    [...invariants.flatMap((invariant) => invariant(one)), ...findFailure(one, mayFail)].map((words) => `${one.run.run_id} ${words}`),
  );
  return [...lost, ...wrong];
}

function findFailure(one: RunEvidence, mayFail: (evidence: RunEvidence) => boolean): readonly string[] {
  const { status, error } = one.run;
  return status === 'completed' || mayFail(one) ? [] : [`is ${status}: ${error?.code ?? 'no code'}, ${error?.message ?? 'no message'}`];
}
