import { setTimeout as pause } from 'node:timers/promises';
import type { Task } from '../agent/task.ts';
import type { World } from '../world/start-world.ts';
import { postRun, toWantedRun, type WantedRun } from './run-request.ts';

export interface LoadOptions {
  readonly task: Task;
  /** How many runs are open at a time: each that ends makes room for the next. */
  readonly openRuns: number;
}

/** Clients that start one run after the other, and come again with the same key until they are told that it is accepted. */
export interface Load {
  readonly accepted: ReadonlySet<string>;
  /** Answers other than a 202, the ones that never came included. */
  failedPosts(): number;
  untilAccepted(count: number): Promise<void>;
  /** Starts nothing more. Resolves when nothing is being asked for, whatever is still open. */
  stop(): Promise<void>;
}

const PAUSE_MS = 50;
const RETRY_PAUSE_MS = 200;

export function driveLoad(world: World, { task, openRuns }: LoadOptions): Load {
  const accepted = new Set<string>();
  let failedPosts = 0;
  let started = 0;
  let stopped = false;

  async function startRun(wanted: WantedRun): Promise<boolean> {
    while (!stopped) {
      if ((await postRun(world.random.pick(world.apis).url, wanted)) === 'accepted') return true;
      failedPosts += 1;
      await pause(RETRY_PAUSE_MS);
    }
    return false;
  }

  async function client(): Promise<void> {
    while (!stopped) {
      const wanted = toWantedRun(started, task);
      started += 1;
      if (!(await startRun(wanted))) return;
      accepted.add(wanted.runId);
      await hasEnded(wanted.runId);
    }
  }

  const { hasEnded, stopWatching } = watchEnds(world);
  const clients = Array.from({ length: openRuns }, () => client());

  return {
    accepted,
    failedPosts: () => failedPosts,
    async untilAccepted(count) {
      while (accepted.size < count) await pause(PAUSE_MS);
    },
    async stop() {
      stopped = true;
      stopWatching();
      await Promise.all(clients);
    },
  };
}

/** One look at the database for all who wait. */
function watchEnds({ database }: World) {
  const waiting = new Map<string, () => void>();
  let stopped = false;

  async function watch(): Promise<void> {
    while (!stopped) {
      if (waiting.size > 0) {
        const ended = await database.query<{ run_id: string }>(
          'SELECT run_id FROM runs WHERE run_id = ANY($1::text[]) AND finished_at IS NOT NULL',
          [[...waiting.keys()]],
        );
        for (const { run_id } of ended) {
          waiting.get(run_id)?.();
          waiting.delete(run_id);
        }
      }
      await pause(PAUSE_MS);
    }
    for (const resolve of waiting.values()) resolve();
  }

  const watching = watch();
  return {
    hasEnded: (runId: string) => (stopped ? Promise.resolve() : new Promise<void>((resolve) => waiting.set(runId, resolve))),
    stopWatching() {
      stopped = true;
      watching.catch(() => {});
    },
  };
}
