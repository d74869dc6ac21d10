import { RubotError } from '@rubot/errors';
import type { Auditing } from './auditing.ts';
import type { Turn } from './turns.ts';

/** How urgent an entry is. */
interface Urgency {
  /** How long it is tried while others of its chain are quicker. */
  readonly timeoutMs: number;
  /** At most between two looks at whose turn it is, which cost nothing. */
  readonly lookMs: number;
}

export const CHANGE: Urgency = { timeoutMs: 5_000, lookMs: 10 };
/** Who asks for what is not theirs, many times at once, holds up no change of others, and is told no soon. */
export const REFUSAL: Urgency = { timeoutMs: 2_000, lookMs: 60 };

const FIRST_PAUSE_MS = 8;
const LONGEST_PAUSE_MS = 250;

/** What is left of the time for one entry. */
export interface Patience {
  /** Between a try that was in vain and the next. @throws RubotError `unavailable` when the time is over */
  pause(): Promise<void>;
}

/** @throws RubotError `unavailable` when too many were before it */
export async function inTurn<Result>(
  { turns }: Auditing,
  chain: string,
  { timeoutMs, lookMs }: Urgency,
  append: (patience: Patience) => Promise<Result>,
): Promise<Result> {
  const endMs = Date.now() + timeoutMs;
  let turn: Turn | undefined = turns.take(chain, Date.now());
  while (turn === undefined) {
    await waitUpTo(lookMs, endMs);
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
