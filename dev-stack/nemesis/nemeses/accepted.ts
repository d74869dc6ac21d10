import { judge } from '../check/judge.ts';
import { postRun, toWantedRun, type WantedRun } from '../load/run-request.ts';
import { settle } from '../load/settle.ts';
import { type Nemesis, withWorld } from '../nemesis.ts';
import { SHORT_LEASE } from '../world/lease.ts';
import type { Orchestrator } from '../world/orchestrator.ts';

const TASK = { steps: 2, pieces: 1, stepMs: 40, toolMs: 10 };
const APIS = 3;
const WORKERS = 2;

export const accepted: Nemesis<{ readonly kills: number }> = {
  name: 'accepted',
  promise: 'A 202 is kept, although the process that said it is killed in the same moment.',
  short: { kills: 6 },
  long: { kills: 500 },
  strike(arena, counts) {
    return withWorld(arena, { apiCount: APIS, workerCount: WORKERS, environment: SHORT_LEASE }, async (world) => {
      const promised = new Set<string>();
      let started = 0;

      async function lane(api: Orchestrator): Promise<void> {
        while (promised.size < counts.kills) {
          const wanted = toWantedRun(started, TASK);
          started += 1;
          promised.add(await getKilledFor(api, wanted));
          arena.onProgress(promised.size, counts.kills);
          await api.start();
        }
      }

      await Promise.all(world.apis.map(lane));
      const settled = await settle(world);
      const { violations, figures } = await judge(world, { accepted: promised, leastCompleted: counts.kills, settled });
      return { violations, figures: { kills: promised.size, ...figures } };
    });
  },
};

/** Kills the process as soon as it has accepted the run. @returns the run's id */
async function getKilledFor(api: Orchestrator, wanted: WantedRun): Promise<string> {
  const killed = Promise.withResolvers<void>();
  const acceptance = await postRun(api.url, wanted, () => void api.kill().then(killed.resolve));
  if (acceptance !== 'accepted') throw new Error(`${api.name} did not accept a run: ${acceptance}`);
  await killed.promise;
  return wanted.runId;
}
