import { setTimeout as pause } from 'node:timers/promises';
import { paysModelOnce } from '../check/invariants.ts';
import { judge } from '../check/judge.ts';
import { watchQueue } from '../check/watch-queue.ts';
import { driveLoad } from '../load/drive-load.ts';
import { settle } from '../load/settle.ts';
import { type Arena, type Nemesis, withWorld } from '../nemesis.ts';
import { type HeldRun, listMoved, listWorkOf } from '../world/held-runs.ts';
import { SHORT_LEASE } from '../world/lease.ts';
import type { Orchestrator } from '../world/orchestrator.ts';
import type { World } from '../world/start-world.ts';

const TASK = { steps: 5, pieces: 6, stepMs: 500, toolMs: 60 };
const OPEN_RUNS = 20;
const WORKERS = 5;
/** Workers that are stopped at a time; the others take their runs over. */
const LANES = 2;
/** A paused process is let go when its runs are elsewhere; without any that could be taken, after this. */
const LONGEST_PAUSE_MS = 6_000;
const LOOK_INTERVAL_MS = 40;

export const pauses: Nemesis<{ readonly pauses: number }> = {
  name: 'pauses',
  promise: 'A process that stood still past its lease, and goes on, writes nothing into runs that others have taken over.',
  short: { pauses: 3 },
  long: { pauses: 500 },
  strike(arena, counts) {
    return withWorld(arena, { apiCount: 1, workerCount: WORKERS, environment: { ...SHORT_LEASE, RUN_LEASE_MS: '1000' } }, async (world) => {
      const queue = watchQueue(world.database);
      const load = driveLoad(world, { task: TASK, openRuns: OPEN_RUNS });
      const staleAttempts = await pauseWorkers(world, counts.pauses, arena.onProgress);
      await load.stop();
      const settled = await settle(world);
      const refused = world.workers.reduce((sum, worker) => sum + worker.count('run.left'), 0);
      const mismatches = await queue.stop();
      const { violations, evidence, figures } = await judge(world, {
        accepted: load.accepted,
        settled,
        mayGiveUp: true,
        leastCompleted: counts.pauses,
        // Who wakes up may ask once more before it learns that nobody listens; only what it says is kept from being written.
        except: [paysModelOnce],
      });
      return {
        violations: [...violations, ...mismatches, ...(refused === 0 ? ['no stale process has tried to write: nothing was shown'] : [])],
        figures: {
          pauses: counts.pauses,
          'stale attempts': staleAttempts,
          'stale writers refused': refused,
          ...figures,
          'looks at the queue': queue.looks(),
          'answers of the model asked for again': evidence.flatMap(paysModelOnce).length,
        },
      };
    });
  },
};

/** Until so many pauses have left a stale attempt behind. @returns how many of them there were */
async function pauseWorkers(world: World, pauses: number, onProgress: Arena['onProgress']): Promise<number> {
  let done = 0;
  let staleAttempts = 0;

  async function lane(own: readonly Orchestrator[]): Promise<void> {
    while (done < pauses) {
      await pause(world.random.between(50, 400));
      const taken = await pauseOnce(world, world.random.pick(own));
      staleAttempts += taken;
      if (taken === 0) continue;
      done += 1;
      onProgress(done, pauses);
    }
  }

  const lanes = Array.from({ length: LANES }, (_, first) => world.workers.filter((_worker, index) => index % LANES === first));
  await Promise.all(lanes.map(lane));
  return staleAttempts;
}

async function pauseOnce(world: World, worker: Orchestrator): Promise<number> {
  worker.pause();
  try {
    const held = await listWorkOf(world, worker.name);
    return held.length === 0 ? 0 : await untilTaken(world, held);
  } finally {
    worker.resume();
  }
}

async function untilTaken(world: World, held: readonly HeldRun[]): Promise<number> {
  const giveUpAtMs = performance.now() + LONGEST_PAUSE_MS;
  for (;;) {
    const moved = await listMoved(world.database, held);
    if (moved.length === held.length || performance.now() > giveUpAtMs) return moved.filter(({ isTaken }) => isTaken).length;
    await pause(LOOK_INTERVAL_MS);
  }
}
