import { judge } from '../check/judge.ts';
import { driveLoad } from '../load/drive-load.ts';
import { settle } from '../load/settle.ts';
import { type Nemesis, withWorld } from '../nemesis.ts';
import { SHORT_LEASE } from '../world/lease.ts';
import type { Orchestrator } from '../world/orchestrator.ts';

const TASK = { steps: 5, pieces: 3, stepMs: 250, toolMs: 60 };
const OPEN_RUNS = 16;
const WORKERS = 3;
const APIS = 2;
const LONGEST_STOP_MS = 30_000;
/** A lease so long that a run which was not handed over in order would be seen to wait for it. */
const LONG_LEASE = { ...SHORT_LEASE, RUN_LEASE_MS: '120000', DRAIN_TIMEOUT_MS: '1000' };

export const rollingRestarts: Nemesis<{ readonly rounds: number }> = {
  name: 'rolling-restarts',
  promise: 'A deployment under load fails no run and counts no crash: who is asked to stop hands its runs over.',
  short: { rounds: 1 },
  long: { rounds: 20 },
  strike(arena, counts) {
    return withWorld(arena, { apiCount: APIS, workerCount: WORKERS, environment: LONG_LEASE }, async (world) => {
      const load = driveLoad(world, { task: TASK, openRuns: OPEN_RUNS });
      const stops: Stop[] = [];
      for (let round = 0; round < counts.rounds; round += 1) {
        for (const orchestrator of [...world.workers, ...world.apis]) {
          await load.untilAccepted(load.accepted.size + 2);
          stops.push(await restart(orchestrator));
        }
        arena.onProgress(round + 1, counts.rounds);
      }
      await load.stop();
      const settled = await settle(world);
      const { violations, evidence, figures } = await judge(world, {
        accepted: load.accepted,
        leastCompleted: counts.rounds * 10,
        settled,
      });
      const crashes = evidence.filter(({ run }) => run.crash_count > 0);
      return {
        violations: [
          ...violations,
          ...stops.flatMap(({ fault }) => fault),
          ...crashes.map(({ run }) => `${run.run_id} is said to have crashed ${run.crash_count} times`),
        ],
        figures: {
          restarts: stops.length,
          ...figures,
          'runs handed over': evidence.filter(({ run }) => run.attempt > 1).length,
          'longest stop': `${(Math.max(...stops.map(({ tookMs }) => tookMs)) / 1_000).toFixed(1)} s`,
        },
      };
    });
  },
};

interface Stop {
  readonly tookMs: number;
  readonly fault: readonly string[];
}

async function restart(orchestrator: Orchestrator): Promise<Stop> {
  const { end, tookMs } = await orchestrator.stop();
  await orchestrator.start();
  return {
    tookMs,
    fault: [
      ...(end.status === 0 ? [] : [`${end.name} ended with status ${end.status} when it was asked to stop: ${end.lastWords.join(' ')}`]),
      ...(tookMs <= LONGEST_STOP_MS ? [] : [`${end.name} took ${Math.round(tookMs)} ms to stop`]),
    ],
  };
}
