import { setTimeout as pause } from 'node:timers/promises';
import { judge } from '../check/judge.ts';
import { watchQueue } from '../check/watch-queue.ts';
import { driveLoad } from '../load/drive-load.ts';
import { settle } from '../load/settle.ts';
import { type Nemesis, withWorld } from '../nemesis.ts';
import { SHORT_LEASE } from '../world/lease.ts';
import type { World } from '../world/start-world.ts';

const TASK = { steps: 5, pieces: 3, stepMs: 250, toolMs: 60 };
const OPEN_RUNS = 24;
const WORKERS = 3;
/** So many are let in between two crashes, at least. */
const RUNS_EACH = 8;
const LONGEST_OUTAGE_MS = 800;

export const databaseCrashes: Nemesis<{ readonly crashes: number }> = {
  name: 'database-crashes',
  promise:
    'A PostgreSQL that crashes, also while runs of a dead process are being taken over, strands no run, and nobody has to be restarted.',
  short: { crashes: 2 },
  long: { crashes: 50 },
  strike(arena, counts) {
    return withWorld(arena, { apiCount: 1, workerCount: WORKERS, environment: SHORT_LEASE }, async (world) => {
      const queue = watchQueue(world.database);
      const load = driveLoad(world, { task: TASK, openRuns: OPEN_RUNS });
      for (let crash = 0; crash < counts.crashes; crash += 1) {
        const isDuringSweep = crash % 2 === 0;
        await (isDuringSweep ? crashDuringSweep(world) : crashSoon(world));
        arena.onProgress(crash + 1, counts.crashes);
      }
      await load.untilAccepted(counts.crashes * RUNS_EACH);
      await load.stop();
      const settled = await settle(world);
      const mismatches = await queue.stop();
      const { violations, evidence, figures } = await judge(world, {
        accepted: load.accepted,
        settled,
        mayGiveUp: true,
        leastCompleted: counts.crashes * RUNS_EACH,
      });
      return {
        violations: [...violations, ...mismatches],
        figures: {
          crashes: counts.crashes,
          ...figures,
          'looks at the queue': queue.looks(),
          'requests refused or lost meanwhile': load.failedPosts(),
          'attempts beyond the first': evidence.reduce((sum, { run }) => sum + run.attempt - 1, 0),
        },
      };
    });
  },
};

async function crashSoon(world: World): Promise<void> {
  await pause(world.random.between(500, 2_500));
  await crash(world);
}

/** The runs of a worker lapse, and the database goes while the others take them over. */
async function crashDuringSweep(world: World): Promise<void> {
  const victim = world.random.pick(world.workers);
  await victim.kill();
  const back = victim.start();
  const leaseMs = Number(SHORT_LEASE['RUN_LEASE_MS']);
  await pause(world.random.between(leaseMs - 400, leaseMs + 400));
  await back;
  await crash(world);
}

async function crash({ postgres, random }: World): Promise<void> {
  await postgres.stop('immediate');
  await pause(random.between(0, LONGEST_OUTAGE_MS));
  await postgres.start();
}
