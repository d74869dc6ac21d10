import { once } from 'node:events';
import { RubotError } from '@rubot/errors';
import type { Logger } from '@rubot/logging';
import type { ORCHESTRATOR_EVENTS } from '../events.ts';
import type { Slots } from '../queue/slots.ts';
import type { Run } from './run.ts';
import type { RunStore, RunWriter } from './run-store.ts';

/** The runs that this process works on; it tells the store that they live, until they have ended. */
export interface ActiveRuns {
  enter(run: Run): void;
  /** Gives back the run's slot as well. */
  leave(run: Run): void;
  /** To be called where an outage of the store kept the end of the run from being written: it is given back when the store is there again. */
  giveBackLater(run: Run): void;
  /** Stops a run that is worked on here; others are none of ours. */
  abort(runId: string, reason: RubotError): void;
  start(): void;
  /** Gives every run back, so that another process goes on with it at once. */
  stop(): Promise<void>;
}

export interface ActiveRunsOptions {
  readonly runs: Pick<RunStore, 'renew' | 'findLost' | 'handBack'>;
  readonly slots: Pick<Slots, 'release'>;
  readonly heartbeatMs: number;
  readonly logger: Logger<typeof ORCHESTRATOR_EVENTS>;
}

/** How soon it is seen that a run was cancelled by way of another process. */
const LOOK_MS = 1_000;
/** A run whose reader neither reads nor leaves is given back as it is: the fence is what keeps it from writing. */
const STOP_TIMEOUT_MS = 2_000;

export function createActiveRuns({ runs, slots, heartbeatMs, logger }: ActiveRunsOptions): ActiveRuns {
  const active = new Map<string, Run>();
  let unwritten: readonly RunWriter[] = [];
  let timers: NodeJS.Timeout[] = [];
  let onEmpty: () => void = () => {};

  async function check(findLost: RunStore['findLost']): Promise<void> {
    const held = [...active.values()];
    if (held.length === 0) return;
    try {
      const lost = new Set(await findLost(held.map(({ recorder }) => recorder.writer)));
      // One that has ended meanwhile is not held either, and not lost.
      for (const run of held) if (lost.has(run.id) && active.get(run.id) === run) drop(run, lostRun(run.id));
    } catch (thrown) {
      // Runs go on: should a lease lapse, the fence keeps apart who writes.
      logger.log('lease.unrenewed', { error: thrown, extra: { run_count: held.length } });
    }
  }

  /** Nobody has died: left to lapse, each outage would count as a crash of all that was worked on. */
  async function giveBack(): Promise<void> {
    const left = unwritten;
    if (left.length === 0) return;
    unwritten = [];
    try {
      await runs.handBack(left);
    } catch {
      unwritten = [...unwritten, ...left];
    }
  }

  return {
    giveBackLater({ recorder }) {
      unwritten = [...unwritten, recorder.writer];
    },
    enter(run) {
      const former = active.get(run.id);
      // That this attempt could be claimed is the proof that the one before has lost the run.
      if (former !== undefined) drop(former, lostRun(run.id));
      active.set(run.id, run);
    },
    leave(run) {
      if (active.get(run.id) === run) active.delete(run.id);
      slots.release(run.recorder.writer);
      if (active.size === 0) onEmpty();
    },
    abort(runId, reason) {
      const run = active.get(runId);
      if (run !== undefined) drop(run, reason);
    },
    start() {
      timers = [
        setInterval(() => void check(runs.renew), heartbeatMs),
        setInterval(() => void check(runs.findLost), LOOK_MS),
        setInterval(() => void giveBack(), LOOK_MS),
      ];
      for (const timer of timers) timer.unref();
    },
    async stop() {
      for (const timer of timers) clearInterval(timer);
      const held = [...active.values()];
      if (held.length === 0) return;
      const { promise: empty, resolve } = Promise.withResolvers<void>();
      onEmpty = resolve;
      for (const run of held) drop(run, new RubotError('unavailable', `This replica shuts down. Read on at /v1/runs/${run.id}/events.`));
      await Promise.race([empty, once(AbortSignal.timeout(STOP_TIMEOUT_MS), 'abort')]);
      await runs
        .handBack(held.map(({ recorder }) => recorder.writer))
        .catch((thrown: unknown) => logger.log('lease.unrenewed', { error: thrown }));
    },
  };
}

/** Nothing may be written any more before the work is told to stop, as its end would be. */
function drop(run: Run, reason: RubotError): void {
  run.recorder.abandon(reason);
  run.deadline.abort(reason);
}

function lostRun(runId: string): RubotError {
  return new RubotError('conflict', `The run ${runId} has ended or goes on elsewhere. Read it at /v1/runs/${runId}/events.`);
}
