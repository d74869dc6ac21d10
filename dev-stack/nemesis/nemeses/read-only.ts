import { setTimeout as pause } from 'node:timers/promises';
import { judge } from '../check/judge.ts';
import { driveLoad, type Load } from '../load/drive-load.ts';
import { settle } from '../load/settle.ts';
import { type Nemesis, withWorld } from '../nemesis.ts';
import { SHORT_LEASE } from '../world/lease.ts';
import type { World } from '../world/start-world.ts';

const TASK = { steps: 5, pieces: 3, stepMs: 250, toolMs: 60 };
const OPEN_RUNS = 16;
const WORKERS = 2;
const RUNS_EACH = 8;
const MOST_MS = 10_000;
const LOOK_INTERVAL_MS = 20;

export const readOnly: Nemesis<{ readonly outages: number; readonly seconds: number }> = {
  name: 'read-only',
  promise: 'A PostgreSQL that takes no writes, as one that failed over, loses nothing; when it takes them again, all is well by itself.',
  short: { outages: 1, seconds: 2 },
  long: { outages: 5, seconds: 20 },
  strike(arena, counts) {
    return withWorld(arena, { apiCount: 1, workerCount: WORKERS, environment: SHORT_LEASE }, async (world) => {
      const load = driveLoad(world, { task: TASK, openRuns: OPEN_RUNS });
      const healedMs: number[] = [];
      for (let outage = 0; outage < counts.outages; outage += 1) {
        await load.untilAccepted(load.accepted.size + RUNS_EACH);
        await refuseWrites(world, counts.seconds * 1_000);
        healedMs.push(await measureHealing(load));
        arena.onProgress(outage + 1, counts.outages);
      }
      await load.stop();
      const settled = await settle(world);
      const { violations, evidence, figures } = await judge(world, {
        accepted: load.accepted,
        settled,
        mayGiveUp: true,
        leastCompleted: counts.outages * RUNS_EACH,
      });
      const longestMs = Math.max(...healedMs);
      return {
        violations: [...violations, ...(longestMs > MOST_MS ? [`the first run was accepted ${longestMs.toFixed(0)} ms after`] : [])],
        figures: {
          outages: `${counts.outages} of ${counts.seconds} s`,
          ...figures,
          'requests refused or lost meanwhile': load.failedPosts(),
          'attempts beyond the first': evidence.reduce((sum, { run }) => sum + run.attempt - 1, 0),
          'first run accepted after': `${longestMs.toFixed(0)} ms`,
        },
      };
    });
  },
};

/** For sessions that are open as well: they hear of it before their next transaction. */
async function refuseWrites({ database }: World, durationMs: number): Promise<void> {
  try {
    await database.query('ALTER SYSTEM SET default_transaction_read_only = on');
    await database.query('SELECT pg_reload_conf()');
    await pause(durationMs);
  } finally {
    await database.query('ALTER SYSTEM RESET default_transaction_read_only');
    await database.query('SELECT pg_reload_conf()');
  }
}

/** @returns how long it took until the next run was accepted */
async function measureHealing(load: Load): Promise<number> {
  const startedMs = performance.now();
  const before = load.accepted.size;
  while (load.accepted.size === before && performance.now() - startedMs < MOST_MS * 2) await pause(LOOK_INTERVAL_MS);
  return performance.now() - startedMs;
}
