import type { Finding } from '@rubot/contracts/diagnosis';
import { ok, warning } from './finding.ts';
import { type NamedSecrets, PREVIOUS_SUFFIX } from './make-challenge.ts';

/** Whether a service still takes former secrets. A rotation that is never ended leaves the secret that was to go. */
export function judgeRotation(service: string, secrets: NamedSecrets): readonly Finding[] {
  const looked = { check: 'rotation', subject: service };
  const open = Object.entries(secrets).filter(([, { previous }]) => previous !== undefined);
  if (open.length === 0) return [ok(looked, 'no former secret is accepted')];
  return open.map(([name]) =>
    warning(
      looked,
      `${name} is being rotated: ${service} still accepts ${name}${PREVIOUS_SUFFIX}`,
      `Whoever knows the former value gets in. When all who use ${name} have the new one, and what was made with the former has expired, unset ${name}${PREVIOUS_SUFFIX} at the ${service}.`,
    ),
  );
}
