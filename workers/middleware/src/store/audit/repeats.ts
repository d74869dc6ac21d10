import { desc, eq } from 'drizzle-orm';
import type { Database } from '../database.ts';
import { auditEntries } from '../schema.ts';

/** What tells one refusal from another. */
export interface Refusal {
  readonly actor: string;
  readonly action: string;
  readonly target: string;
  readonly outcome: string;
}

interface PastEntry extends Refusal {
  readonly at: string;
}

/** A client that tries again and again is told of once in this time; the log has each try. */
const SAME_AGAIN_MS = 10_000;
/** Of one actor, whatever it asked for: else a name that changes with each try would be a new entry each time. */
const MAX_PER_ACTOR = 30;
const ACTOR_WINDOW_MS = 60_000;
const LOOKED_AT = 200;

export function selectLatest(database: Database, chain: string) {
  const { actor, action, target, outcome, at } = auditEntries;
  return database
    .select({ actor, action, target, outcome, at })
    .from(auditEntries)
    .where(eq(auditEntries.chain, chain))
    .orderBy(desc(auditEntries.seq))
    .limit(LOOKED_AT);
}

/** @param latest the entries before it, of which those that tell of something done count for nothing */
export function isRepeated(latest: readonly PastEntry[], refusal: Refusal, nowMs: number): boolean {
  const own = latest.filter((past) => past.outcome !== 'done' && past.actor === refusal.actor);
  const isYoungerThan = (past: PastEntry, ageMs: number) => nowMs - Date.parse(past.at) < ageMs;
  if (own.filter((past) => isYoungerThan(past, ACTOR_WINDOW_MS)).length >= MAX_PER_ACTOR) return true;
  return own.some(
    (past) =>
      past.action === refusal.action &&
      past.target === refusal.target &&
      past.outcome === refusal.outcome &&
      isYoungerThan(past, SAME_AGAIN_MS),
  );
}
