import type { Task } from '../agent/task.ts';
import type { RunEvidence } from '../check/evidence.ts';
import { judge } from '../check/judge.ts';
import { driveLoad } from '../load/drive-load.ts';
import { postRun, toWantedRun } from '../load/run-request.ts';
import { settle, untilEnded } from '../load/settle.ts';
import { type Nemesis, withWorld } from '../nemesis.ts';
import { SHORT_LEASE } from '../world/lease.ts';
import type { World } from '../world/start-world.ts';

const TASK: Task = { steps: 2, pieces: 2, stepMs: 150, toolMs: 30 };
const OPEN_RUNS = 8;
const WORKERS = 3;
const CRASHES = 3;
const TIMEOUT_MS = 60_000;

export const poison: Nemesis<{ readonly poisons: number }> = {
  name: 'poison',
  promise: `A run that kills whoever works on it kills ${CRASHES} processes and no more; the others end all the same, and it does too once it is harmless.`,
  short: { poisons: 1 },
  long: { poisons: 20 },
  strike(arena, counts) {
    return withWorld(arena, { apiCount: 1, workerCount: WORKERS, environment: SHORT_LEASE }, async (world) => {
      const killed = killWhoeverTakes(world);
      const load = driveLoad(world, { task: TASK, openRuns: OPEN_RUNS });
      const poisonous = new Set<string>();
      for (let poison = 0; poison < counts.poisons; poison += 1) {
        poisonous.add(await runPoison(world, poison));
        arena.onProgress(poison + 1, counts.poisons);
      }
      await load.untilAccepted(counts.poisons * OPEN_RUNS);
      await load.stop();
      world.agents.onPoison(() => {});
      const settled = await settle(world);
      const accepted = new Set([...load.accepted, ...poisonous]);
      const { violations, evidence, figures } = await judge(world, { accepted, settled, leastCompleted: accepted.size, mayGiveUp: true });
      return {
        violations: [
          ...violations,
          ...evidence.filter(({ run }) => poisonous.has(run.run_id)).flatMap(findLeniency),
          ...(killed() < counts.poisons || killed() > counts.poisons * CRASHES
            ? [`${counts.poisons} poisonous runs killed ${killed()} processes`]
            : []),
        ],
        figures: { poisons: counts.poisons, killed: killed(), ...figures },
      };
    });
  },
};

function killWhoeverTakes({ agents, workers }: World): () => number {
  let killed = 0;
  agents.onPoison((seat) => {
    const victim = workers.find(({ name }) => name === seat);
    if (victim?.isRunning() !== true) return;
    killed += 1;
    void victim.kill().then(() => victim.start());
  });
  return () => killed;
}

/** One at a time, so that what dies of it is known. */
async function runPoison(world: World, number: number): Promise<string> {
  const wanted = toWantedRun(number, { ...TASK, isPoison: true });
  const [api] = world.apis;
  if (api === undefined || (await postRun(api.url, wanted)) !== 'accepted') throw new Error('the poisonous run was not accepted');
  await untilEnded(world.database, TIMEOUT_MS, wanted.runId);
  return wanted.runId;
}

/** It was given up once, as what it is. */
function findLeniency({ run, events }: RunEvidence): readonly string[] {
  const given = events.filter(({ type, data }) => type === 'end' && data['status'] === 'failed');
  const codes = given.map(({ data }) => (data['error'] as { readonly code?: string } | null)?.code);
  return codes.length === 1 && codes[0] === 'run_crashed'
    ? []
    : [`${run.run_id} is poison, and failed of: ${codes.join(', ') || 'nothing'}`];
}
