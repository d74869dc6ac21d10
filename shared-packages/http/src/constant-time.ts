import type { RotatingSecret } from '@rubot/config/variable';

const encoder = new TextEncoder();

/** Compares in a time that depends on the lengths alone. Neither runtime's own compare exists in the other. */
export function isEqualInConstantTime(left: string, right: string): boolean {
  const leftBytes = encoder.encode(left);
  const rightBytes = encoder.encode(right);
  let difference = leftBytes.length ^ rightBytes.length;
  for (let index = 0; index < rightBytes.length; index += 1) {
    difference |= (leftBytes[index] ?? 0) ^ (rightBytes[index] ?? 0);
  }
  return difference === 0;
}

/** Both values are always compared, so that time does not tell which one is in use. */
export function matchesSecret(candidate: string, secret: RotatingSecret): boolean {
  const isCurrent = isEqualInConstantTime(candidate, secret.current);
  const isPrevious = secret.previous !== undefined && isEqualInConstantTime(candidate, secret.previous);
  return isCurrent || isPrevious;
}
