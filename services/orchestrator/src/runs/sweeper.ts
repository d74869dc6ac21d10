import type { Logger } from '@rubot/logging';
import type { ORCHESTRATOR_EVENTS } from '../events.ts';
import type { ClaimedRun, RunStore } from './run-store.ts';

export interface Sweeper {
  /** Looks for left runs now and for ever, until stopped. */
  start(): void;
  stop(): void;
  /** One look; resolves when what was found has been taken, not when it is done. */
  sweep(): Promise<void>;
}

export interface SweeperOptions {
  readonly runs: Pick<RunStore, 'claimLapsed'>;
  readonly intervalMs: number;
  readonly resume: (claimed: ClaimedRun) => Promise<void>;
  readonly logger: Logger<typeof ORCHESTRATOR_EVENTS>;
}

/** What one process goes on with at a time; the rest is for the others, or for the next look. */
const MAX_RESUMED = 16;

/**
 * Recovery that never stops: one that ran at boot alone would strand whatever fell over while it ran. Looking twice, or
 * from many processes at once, does no harm.
 */
export function createSweeper({ runs, intervalMs, resume, logger }: SweeperOptions): Sweeper {
  let resumedCount = 0;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;

  async function sweep(): Promise<void> {
    const room = MAX_RESUMED - resumedCount;
    if (room <= 0) return;
    try {
      for (const claimed of await runs.claimLapsed(room)) {
        resumedCount += 1;
        void resume(claimed).finally(() => {
          resumedCount -= 1;
        });
      }
    } catch (thrown) {
      logger.log('sweep.failed', { error: thrown });
    }
  }

  async function sweepAndWait(): Promise<void> {
    await sweep();
    if (stopped) return;
    timer = setTimeout(() => void sweepAndWait(), intervalMs);
    timer.unref();
  }

  return {
    sweep,
    start() {
      void sweepAndWait();
    },
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
