import { setTimeout as pause } from 'node:timers/promises';
import type { Database } from '../world/database.ts';

/** A few looks of the sweeper, which settles what nobody else has. */
const TIMEOUT_MS = 15_000;
const PAUSE_MS = 100;

/** What stays taken of limits although its run has ended, or is counted without a run that holds it. @returns in words */
export async function findHeldLimits(database: Database): Promise<readonly string[]> {
  const giveUpAtMs = performance.now() + TIMEOUT_MS;
  for (;;) {
    const held = await readHeld(database);
    if (held.length === 0 || performance.now() > giveUpAtMs) return held;
    await pause(PAUSE_MS);
  }
}

async function readHeld(database: Database): Promise<readonly string[]> {
  const unsettled = await database.query<{ run_id: string }>(
    'SELECT run_id FROM reservations JOIN runs USING (run_id) WHERE finished_at IS NOT NULL',
  );
  // What was reserved for a run that never came to be stays so for a minute; it is counted as long.
  const miscounted = await database.query<{ scope: string; used: string; held: string }>(`
    SELECT scope, used, held FROM limit_counters, LATERAL (
      SELECT count(*) AS held FROM reservations, json_array_elements(items) AS item
      WHERE item ->> 'kind' = 'concurrent_runs' AND item ->> 'scope' = limit_counters.scope
    ) AS counted WHERE kind = 'concurrent_runs' AND used <> held`);
  return [
    ...unsettled.map((row) => `${row.run_id} has ended, and is not settled`),
    ...miscounted.map(({ scope, used, held }) => `${scope} is said to have ${used} open runs, and ${held} hold something`),
  ];
}
