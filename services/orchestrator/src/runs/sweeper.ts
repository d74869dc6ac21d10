import type { Logger } from '@rubot/logging';
import type { ORCHESTRATOR_EVENTS } from '../events.ts';
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
  readonly runs: Pick<RunStore, 'requeueLapsed'>;
  readonly intervalMs: number;
  readonly onSwept: (report: SweepReport) => void;
  readonly logger: Logger<typeof ORCHESTRATOR_EVENTS>;
}

const MAX_SWEPT = 100;

/**
 * Recovery that never stops: one that ran at boot alone would strand whatever fell over while it ran. Looking twice, or
 * from many processes at once, does no harm.
 */
export function createSweeper({ runs, intervalMs, onSwept, logger }: SweeperOptions): Sweeper {
  let timer: NodeJS.Timeout | undefined;
  let isStopped = false;
  let look: Promise<void> = Promise.resolve();

  async function sweep(): Promise<void> {
    try {
      const report = await runs.requeueLapsed(MAX_SWEPT);
      onSwept(report);
      for (const runId of report.requeued) logger.log('run.requeued', {}, { run_id: runId });
      for (const runId of report.buried) logger.log('run.buried', {}, { run_id: runId });
    } catch (thrown) {
      logger.log('sweep.failed', { error: thrown });
    }
  }

  function sweepAndWait(): void {
    look = sweep();
    void look.finally(() => {
      if (isStopped) return;
      timer = setTimeout(sweepAndWait, intervalMs);
      timer.unref();
    });
  }

  return {
    sweep,
    start: sweepAndWait,
    async stop() {
      isStopped = true;
      clearTimeout(timer);
      await look;
    },
  };
}
