import type { Finding } from '@rubot/contracts/diagnosis';
import { type Looked, ok, problem, warning } from './finding.ts';
import { PREVIOUS_SUFFIX } from './make-challenge.ts';

/** Two services, and which of them asks. */
export interface Pair {
  readonly from: string;
  readonly to: string;
}

export function toSubject({ from, to }: Pair): string {
  return `${from} → ${to}`;
}

export interface SecretToJudge extends Pair {
  /** Of the variable, in both services. */
  readonly name: string;
  /** What fails while it differs, as a sentence. */
  readonly breaks: string;
}

/** From what the called service says of the values that the calling one has shown. The caller uses its current value only. */
export function judgeSecret(secret: SecretToJudge, answers: Readonly<Record<string, string>>): Finding {
  const { name, from, to, breaks } = secret;
  const looked: Looked = { check: 'secret', subject: toSubject(secret) };
  const previous = `${name}${PREVIOUS_SUFFIX}`;
  switch (answers[name]) {
    case 'current':
      return ok(looked, `${name} is the same in both`);
    case 'previous':
      return warning(
        looked,
        `${name} is being rotated: the ${from} uses the value that the ${to} has as ${previous}; one of the two has switched, and the other not yet`,
        `It works until ${previous} is unset at the ${to}. Let the other switch before (docs/rotation.md, step 2). Otherwise: ${breaks}`,
      );
    case 'absent':
      return problem(looked, `the ${to} has no ${name}`, `${breaks} What answers there may be another service; check its address.`);
    default:
      return problem(
        looked,
        `${name} differs: ${explainDifference(secret, answers[previous])}`,
        `${breaks} ${toRemedy(secret, answers[previous])}`,
      );
  }
}

function explainDifference({ from, to, name }: SecretToJudge, formerly: string | undefined): string {
  if (formerly === 'current') return `the ${from} has switched to a value that the ${to} does not accept yet`;
  if (formerly === 'previous') return `the ${from} and the ${to} have switched to different values`;
  return `the ${name} of the ${from} is none that the ${to} accepts`;
}

function toRemedy({ from, to, name }: SecretToJudge, formerly: string | undefined): string {
  const value = `the value that the ${from} has as ${name}`;
  return formerly === 'current'
    ? `Give the ${to} ${value} as its ${name}${PREVIOUS_SUFFIX} (docs/rotation.md, step 1).`
    : `Give the ${to} ${value}, and deploy it.`;
}
