import type { Logger } from '@rubot/logging';
import type { ORCHESTRATOR_EVENTS } from '../events.ts';
import type { Reservations } from '../limits/reservations.ts';
import type { RunStore, SweepReport } from './run-store.ts';

export interface Sweeper {
  /** Looks for left runs now and for ever, until stopped. */
  start(): void;
  /** Resolves when no look is under way. */
  stop(): Promise<void>;
  /** One look. */
  sweep(): Promise<void>;
}

export interface SweeperOptions {
  readonly runs: Pick<RunStore, 'requeueLapsed' | 'checkReady'>;
  readonly reservations: Pick<Reservations, 'sweep'>;
  readonly intervalMs: number;
  readonly onSwept: (report: SweepReport) => void;
  readonly logger: Logger<typeof ORCHESTRATOR_EVENTS>;
}

const MAX_SWEPT = 100;
/** For processes that lost no more than the database to say that they live, before their silence is taken for their death. */
const GRACE_MS = 2_000;

/**
 * Recovery that never stops: one that ran at boot alone would strand whatever fell over while it ran. Looking twice, or
 * from many processes at once, does no harm.
 */
export function createSweeper({ runs, reservations, intervalMs, onSwept, logger }: SweeperOptions): Sweeper {
  let timer: NodeJS.Timeout | undefined;
  let isStopped = false;
  let wasAway = false;
  let look: Promise<void> = Promise.resolve();

  async function sweep(): Promise<void> {
    try {
      const report = await runs.requeueLapsed(MAX_SWEPT);
      onSwept(report);
      for (const runId of report.requeued) logger.log('run.requeued', {}, { run_id: runId });
      for (const runId of report.buried) logger.log('run.buried', {}, { run_id: runId });
      await reservations.sweep(MAX_SWEPT);
    } catch (thrown) {
      wasAway = true;
      logger.log('sweep.failed', { error: thrown });
    }
  }

  /** @returns how long to wait before the next look */
  async function lookAgain(): Promise<number> {
    if (!wasAway) {
      await sweep();
      return intervalMs;
    }
    wasAway = await runs.checkReady().then(
      () => false,
      () => true,
    );
    return wasAway ? intervalMs : Math.max(intervalMs, GRACE_MS);
  }

  function lookAndWait(): void {
    look = lookAgain().then((waitMs) => {
      if (isStopped) return;
      timer = setTimeout(lookAndWait, waitMs);
      timer.unref();
    });
  }

  return {
    sweep,
    start: lookAndWait,
    async stop() {
      isStopped = true;
      clearTimeout(timer);
      await look;
    },
  };
}
