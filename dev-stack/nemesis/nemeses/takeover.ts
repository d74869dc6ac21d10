import { setTimeout as pause } from 'node:timers/promises';
import { percentile } from '../../bench/statistics.ts';
import { judge } from '../check/judge.ts';
import { driveLoad } from '../load/drive-load.ts';
import { settle } from '../load/settle.ts';
import { type Arena, type Findings, type Nemesis, withWorld } from '../nemesis.ts';
import { type HeldRun, listMoved, listWorkOf } from '../world/held-runs.ts';
import type { Orchestrator } from '../world/orchestrator.ts';
import type { World } from '../world/start-world.ts';

interface TakeoverOptions {
  readonly name: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly mostMs: number;
  /** Workers that are killed one soon after the other, while as many others have room for their runs. */
  readonly victims: number;
  readonly short?: { readonly rounds: number };
  readonly long: { readonly rounds: number };
}

const APART_MS = 1_500;
const OPEN_RUNS_EACH = 3;
const LOOK_INTERVAL_MS = 20;
const SETTLE_TIMEOUT_MS = 120_000;

/** With the lease that an impatient operator sets; what depends on it is set in proportion. */
export const takeover = defineTakeover({
  name: 'takeover',
  environment: { RUN_LEASE_MS: '3000', RUN_HEARTBEAT_MS: '1000', SWEEP_INTERVAL_MS: '1000', WORKER_SLOTS: '8' },
  mostMs: 5_000,
  victims: 2,
  short: { rounds: 1 },
  long: { rounds: 30 },
});

export const takeoverByDefault = defineTakeover({
  name: 'takeover-by-default',
  environment: { WORKER_SLOTS: '8' },
  mostMs: 40_000,
  victims: 4,
  long: { rounds: 4 },
});

function defineTakeover(options: TakeoverOptions): Nemesis<{ readonly rounds: number }> {
  const { name, environment, mostMs, victims, short, long } = options;
  return {
    name,
    promise: `A run whose worker dies is begun again elsewhere within ${mostMs / 1_000} s (p99).`,
    ...(short === undefined ? {} : { short }),
    long,
    strike(arena, { rounds }) {
      const workers = { apiCount: 1, workerCount: victims * 2 };
      return withWorld(arena, { ...workers, environment }, (world) =>
        measureTakeovers(world, { rounds, victims, mostMs, onProgress: arena.onProgress }),
      );
    },
  };
}

interface MeasureOptions extends Pick<TakeoverOptions, 'victims' | 'mostMs'> {
  readonly rounds: number;
  readonly onProgress: Arena['onProgress'];
}

async function measureTakeovers(world: World, { rounds, victims, mostMs, onProgress }: MeasureOptions): Promise<Findings> {
  // Long steps: nearly every run is in the middle of one when its worker dies.
  const task = { steps: 2, pieces: 4, stepMs: 3_000, toolMs: 60 };
  const load = driveLoad(world, { task, openRuns: victims * 2 * OPEN_RUNS_EACH });
  const tookMs: number[] = [];
  let untaken = 0;
  for (let round = 0; round < rounds; round += 1) {
    await load.untilAccepted(load.accepted.size + victims * OPEN_RUNS_EACH);
    const group = round % 2 === 0 ? world.workers.slice(0, victims) : world.workers.slice(victims);
    const measured = await Promise.all(group.map((victim, index) => killAndWatch(world, victim, index * APART_MS, mostMs * 2)));
    tookMs.push(...measured.flatMap(({ taken }) => taken));
    untaken += measured.reduce((sum, one) => sum + one.untaken, 0);
    onProgress(round + 1, rounds);
  }
  await load.stop();
  const settled = await settle(world, SETTLE_TIMEOUT_MS);
  const { violations, figures } = await judge(world, { accepted: load.accepted, leastCompleted: rounds, settled, mayGiveUp: true });
  const p99Ms = percentile(tookMs, 99);
  return {
    violations: [
      ...violations,
      ...(p99Ms > mostMs ? [`p99 of the time to the next attempt is ${p99Ms.toFixed(0)} ms`] : []),
      ...(untaken > 0 ? [`${untaken} runs were not taken over at all`] : []),
    ],
    figures: {
      takeovers: tookMs.length,
      ...figures,
      p50: `${percentile(tookMs, 50).toFixed(0)} ms`,
      p99: `${p99Ms.toFixed(0)} ms`,
      longest: `${Math.max(...tookMs).toFixed(0)} ms`,
    },
  };
}

interface Measured {
  readonly taken: readonly number[];
  readonly untaken: number;
}

async function killAndWatch(world: World, victim: Orchestrator, afterMs: number, patienceMs: number): Promise<Measured> {
  await pause(afterMs);
  const held = await untilBusy(world, victim);
  const killedAtMs = performance.now();
  await victim.kill();
  const measured = await watchTakeovers(world, held, killedAtMs, patienceMs);
  await victim.start();
  return measured;
}

async function untilBusy(world: World, { name }: Orchestrator): Promise<readonly HeldRun[]> {
  for (;;) {
    const held = await listWorkOf(world, name);
    if (held.length > 0) return held;
    await pause(LOOK_INTERVAL_MS);
  }
}

/** Until each run is elsewhere, or has ended: one that was given up, as it was not the first time, has no next attempt. */
async function watchTakeovers(world: World, held: readonly HeldRun[], killedAtMs: number, patienceMs: number): Promise<Measured> {
  const takenAtMs = new Map<string, number>();
  for (;;) {
    await pause(LOOK_INTERVAL_MS);
    const moved = await listMoved(world.database, held);
    const afterMs = performance.now() - killedAtMs;
    for (const { run_id, isTaken } of moved) if (isTaken && !takenAtMs.has(run_id)) takenAtMs.set(run_id, afterMs);
    const untaken = held.length - moved.length;
    if (untaken === 0 || afterMs > patienceMs) return { taken: [...takenAtMs.values()], untaken };
  }
}
