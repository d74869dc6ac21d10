/**
 * Lets the requests of one isolate append to a chain one after the other, so that only those of other isolates collide.
 * A turn is asked for again and again, and no promise is waited for: workerd never wakes a request by another one's.
 * Nothing depends on it but speed; the database refuses the second of two entries in one place.
 */
export interface Turns {
  /** `undefined` while another request has it. */
  take(chain: string, nowMs: number): Turn | undefined;
}

export interface Turn {
  end(): void;
}

/** A request that was cut off ends no turn; by then, the database is waited for too long anyway. */
const LONGEST_TURN_MS = 1_000;

export function createTurns(): Turns {
  const ends = new Map<string, { readonly untilMs: number }>();
  return {
    take(chain, nowMs) {
      const taken = ends.get(chain);
      if (taken !== undefined && taken.untilMs > nowMs) return undefined;
      const own = { untilMs: nowMs + LONGEST_TURN_MS };
      ends.set(chain, own);
      return {
        end() {
          if (ends.get(chain) === own) ends.delete(chain);
        },
      };
    },
  };
}
