const BASE_MS = 1_000;
const MAX_MS = 60_000;

/** Twice as long after each failure, at most a minute; and anywhere in its second half, so that those that failed together do not come back together. */
export function backoffMs(failureCount: number): number {
  return withJitter(Math.min(MAX_MS, BASE_MS * 2 ** failureCount));
}

export function withJitter(delayMs: number): number {
  return Math.round(delayMs * (0.5 + Math.random() / 2));
}
