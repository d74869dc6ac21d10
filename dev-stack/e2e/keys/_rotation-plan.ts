import type { Variables } from '@rubot/config/variable';
import { newSecret } from './_deployables.ts';

/** The steps of docs/rotation.md, and what there is before the first. */
export const PHASES = ['before', 'accept', 'switch', 'drop'] as const;
export type Phase = (typeof PHASES)[number];

export interface RotatedSecret {
  readonly old: string;
  readonly new: string;
}

/** By the names of their variables. */
export type RotatedSecrets = Readonly<Record<string, RotatedSecret>>;

const PREVIOUS = '_PREVIOUS';

/** Every secret that some deployable takes in two values, so that a new one is rotated here as soon as it can be. */
export function findRotatingNames(deployables: readonly { readonly variables: Variables }[]): readonly string[] {
  const names = new Set(deployables.flatMap(({ variables }) => Object.keys(variables)));
  return [...names].flatMap((name) => (name.endsWith(PREVIOUS) ? [name.slice(0, -PREVIOUS.length)] : [])).sort();
}

export function makeRotatedSecrets(names: readonly string[]): RotatedSecrets {
  return Object.fromEntries(names.map((name) => [name, { old: newSecret(), new: newSecret() }]));
}

/** What a deployable is given in a phase: of each secret what it reads, the one before or after only where it knows of two. */
export function toSecretVariables(variables: Variables, secrets: RotatedSecrets, phase: Phase): Record<string, string> {
  const entries = Object.entries(secrets).flatMap(([name, secret]) => {
    const [current, previous] = toValues(secret, phase);
    return [
      [name, current],
      [`${name}${PREVIOUS}`, previous],
    ];
  });
  return Object.fromEntries(entries.filter(([name, value]) => name !== undefined && name in variables && value !== undefined));
}

function toValues(secret: RotatedSecret, phase: Phase): readonly [string, string | undefined] {
  if (phase === 'before') return [secret.old, undefined];
  if (phase === 'accept') return [secret.old, secret.new];
  return phase === 'switch' ? [secret.new, secret.old] : [secret.new, undefined];
}
