import type { ActiveRuns } from '../runs/active-runs.ts';
import type { Run } from '../runs/run.ts';
import type { RunMetrics } from './run-metrics.ts';

/** The same runs; how long each is worked on is measured. */
export function observeAttempts(activeRuns: ActiveRuns, metrics: RunMetrics): ActiveRuns {
  const enteredAtMs = new WeakMap<Run, number>();
  return {
    ...activeRuns,
    enter(run) {
      enteredAtMs.set(run, performance.now());
      activeRuns.enter(run);
    },
    leave(run) {
      activeRuns.leave(run);
      const fromMs = enteredAtMs.get(run);
      if (fromMs !== undefined) metrics.worked(run.slotType, (performance.now() - fromMs) / 1_000);
      enteredAtMs.delete(run);
    },
  };
}
