import type { Finding } from '@rubot/contracts/diagnosis';
import { ok, warning } from './finding.ts';
import { type NamedSecrets, PREVIOUS_SUFFIX } from './make-challenge.ts';

/** Whether a service takes two values of a secret. A rotation that is never ended leaves the one that was to go. */
export function judgeRotation(service: string, secrets: NamedSecrets): readonly Finding[] {
  const looked = { check: 'rotation', subject: service };
  const open = Object.entries(secrets).filter(([, { previous }]) => previous !== undefined);
  if (open.length === 0) return [ok(looked, 'each secret has one value')];
  return open.map(([name]) =>
    warning(
      looked,
      `${name} is being rotated: ${service} accepts ${name}${PREVIOUS_SUFFIX} too`,
      `Two values open the same door. Go on with the rotation (docs/rotation.md): when all that use ${name} have the new value, and what was made with the former one has expired, unset ${name}${PREVIOUS_SUFFIX} at the ${service}.`,
    ),
  );
}
