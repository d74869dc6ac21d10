import { RubotError } from '@rubot/errors';
import type { Auditing } from './auditing.ts';
import type { Turn } from './turns.ts';

/** How long an entry is tried while others of its chain are quicker. */
const TIMEOUT_MS = 5_000;
const FIRST_PAUSE_MS = 8;
const LONGEST_PAUSE_MS = 250;
/** Between two looks at whose turn it is, which cost nothing. */
const LONGEST_LOOK_MS = 10;

/** What is left of the time for one entry. */
export interface Patience {
  /** Between a try that was in vain and the next. @throws RubotError `unavailable` when the time is over */
  pause(): Promise<void>;
}

/** @throws RubotError `unavailable` when too many were before it */
export async function inTurn<Result>({ turns }: Auditing, chain: string, append: (patience: Patience) => Promise<Result>): Promise<Result> {
  const endMs = Date.now() + TIMEOUT_MS;
  let turn: Turn | undefined = turns.take(chain, Date.now());
  while (turn === undefined) {
    await waitUpTo(LONGEST_LOOK_MS, endMs);
    turn = turns.take(chain, Date.now());
  }
  try {
    return await append(startPatience(endMs));
  } finally {
    turn.end();
  }
}

function startPatience(endMs: number): Patience {
  let longestMs = FIRST_PAUSE_MS;
  return {
    async pause() {
      await waitUpTo(longestMs, endMs);
      longestMs = Math.min(LONGEST_PAUSE_MS, longestMs * 2);
    },
  };
}

/** Of any length up to that, so that those who collided do not collide again. */
async function waitUpTo(longestMs: number, endMs: number): Promise<void> {
  if (Date.now() > endMs) {
    throw new RubotError('unavailable', 'Too many changes are being made at once. Try again in a moment.', { retryAfterMs: 1_000 });
  }
  await new Promise((resolve) => setTimeout(resolve, Math.random() * longestMs));
}
