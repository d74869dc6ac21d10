import { setTimeout as pause } from 'node:timers/promises';
import { judge } from '../check/judge.ts';
import { watchQueue } from '../check/watch-queue.ts';
import { driveLoad } from '../load/drive-load.ts';
import { settle } from '../load/settle.ts';
import { type Arena, type Nemesis, withWorld } from '../nemesis.ts';
import { SHORT_LEASE } from '../world/lease.ts';
import type { World } from '../world/start-world.ts';

const TASK = { steps: 5, pieces: 3, stepMs: 250, toolMs: 60 };
const OPEN_RUNS = 24;
/** Of hosts whose clocks nobody has set. */
const CLOCK_SHIFTS_MS = [300_000, -300_000, 30_000];
const WORKERS = 4;
/** Processes that are down at a time, so that others can take over. */
const MOST_DOWN = 2;
const LONGEST_GAP_MS = 1_200;

export const kills: Nemesis<{ readonly runs: number; readonly kills: number }> = {
  name: 'kills',
  promise:
    'A worker that is killed, at whatever moment, loses no run, commits no step twice and changes nothing twice, whatever the clocks of workers say.',
  short: { runs: 40, kills: 5 },
  long: { runs: 2_000, kills: 200 },
  strike(arena, counts) {
    return withWorld(
      arena,
      { apiCount: 1, workerCount: WORKERS, clockShiftsMs: CLOCK_SHIFTS_MS, environment: SHORT_LEASE },
      async (world) => {
        const queue = watchQueue(world.database);
        const load = driveLoad(world, { task: TASK, openRuns: OPEN_RUNS });
        await killWorkers(world, counts.kills, arena.onProgress);
        await load.untilAccepted(counts.runs);
        await load.stop();
        const settled = await settle(world);
        const mismatches = await queue.stop();
        const { violations, evidence, figures } = await judge(world, {
          accepted: load.accepted,
          settled,
          mayGiveUp: true,
          leastCompleted: counts.runs,
        });
        return {
          violations: [...violations, ...mismatches],
          figures: {
            kills: counts.kills,
            ...figures,
            'looks at the queue': queue.looks(),
            'attempts beyond the first': evidence.reduce((sum, { run }) => sum + run.attempt - 1, 0),
            'model calls': world.ledger.modelCalls.length,
            effects: world.ledger.effects.length,
            'effects asked for again': world.ledger.repeats(),
          },
        };
      },
    );
  },
};

async function killWorkers({ workers, random }: World, kills: number, onProgress: Arena['onProgress']): Promise<void> {
  let starting: Promise<void>[] = [];
  for (let kill = 0; kill < kills; kill += 1) {
    await pause(random.between(0, LONGEST_GAP_MS));
    const victim = random.pick(workers.filter((worker) => worker.isRunning()));
    await victim.kill();
    onProgress(kill + 1, kills);
    const back = victim.start().finally(() => {
      starting = starting.filter((other) => other !== back);
    });
    starting.push(back);
    if (starting.length >= MOST_DOWN) await Promise.race(starting);
  }
  await Promise.all(starting);
}
