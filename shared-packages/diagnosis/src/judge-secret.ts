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
        `${name} is being rotated: the ${to} has the new value, and accepts the former one, which the ${from} still uses`,
        `Give the ${from} the new value, with the former one as ${previous}, before the ${to} forgets the former. Otherwise: ${breaks}`,
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
  if (formerly === 'current') return `the ${from} has been given a new value, and the ${to} has the former one alone`;
  if (formerly === 'previous') return `the ${from} and the ${to} have each been given a new value, and not the same`;
  return `the ${name} of the ${from} is none that the ${to} accepts`;
}

function toRemedy({ from, to, name }: SecretToJudge, formerly: string | undefined): string {
  const first = `Give the ${to} the value that the ${from} has as ${name}`;
  return formerly === 'current' ? `${first}, and the one it has now as ${name}${PREVIOUS_SUFFIX}.` : `${first}, and deploy it.`;
}
