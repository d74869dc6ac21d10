import { RubotError } from '@rubot/errors';
import type { ClaimedRun, RunStore, RunWriter } from '../runs/run-store.ts';
import type { RunMetrics } from './run-metrics.ts';

/** The same store; what happens in it is counted. */
export function observeRuns(runs: RunStore, metrics: RunMetrics): RunStore {
  /** @param ageMs of the run at this moment */
  function observeWriter(writer: RunWriter, ageMs: number): RunWriter {
    const acceptedAtMs = performance.now() - ageMs;
    return {
      ...writer,
      async finish(outcome, events) {
        await writer.finish(outcome, events);
        metrics.ended(outcome.status, (performance.now() - acceptedAtMs) / 1_000);
      },
      async retryLater(delayMs, events, plan) {
        await writer.retryLater(delayMs, events, plan);
        metrics.retried();
      },
    };
  }

  function observeClaimed(run: ClaimedRun): ClaimedRun {
    metrics.claimed(run.slotType, run.priority, run.waitedMs / 1_000);
    return { ...run, writer: observeWriter(run.writer, run.ageMs) };
  }

  return {
    ...runs,
    async admit(admission) {
      const { slotType } = admission.run;
      try {
        const admitted = await runs.admit(admission);
        if (admitted.status === 'known') return admitted;
        metrics.accepted(slotType, admitted.status);
        return admitted.status === 'begun' ? { ...admitted, writer: observeWriter(admitted.writer, 0) } : admitted;
      } catch (thrown) {
        metrics.refused(RubotError.from(thrown).code);
        throw thrown;
      }
    },
    async claimQueued(slotType, limit) {
      return (await runs.claimQueued(slotType, limit)).map(observeClaimed);
    },
  };
}
