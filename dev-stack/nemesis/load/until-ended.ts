import { setTimeout as pause } from 'node:timers/promises';
import type { Database } from '../world/database.ts';

const PAUSE_MS = 100;

/** Waits for every run that there is to end. @returns how many were still open when the time was over */
export async function untilEnded(database: Database, timeoutMs: number): Promise<number> {
  const giveUpAtMs = performance.now() + timeoutMs;
  for (;;) {
    const [row] = await database.query<{ open: number }>('SELECT count(*)::integer AS open FROM runs WHERE finished_at IS NULL');
    const open = row?.open ?? 0;
    if (open === 0 || performance.now() > giveUpAtMs) return open;
    await pause(PAUSE_MS);
  }
}
