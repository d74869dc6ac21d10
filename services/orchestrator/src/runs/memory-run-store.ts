import { RubotError } from '@rubot/errors';
import type { NewRun, RunOutcome, RunStep, RunStore } from './run-store.ts';

export interface RunRecord extends NewRun {
  /** The journal, while the run can still be resumed; dropped at its end, as it holds whole messages. */
  readonly steps: readonly RunStep[];
  readonly stepCount: number;
  readonly outcome: RunOutcome | undefined;
}

export interface MemoryRunStore extends RunStore {
  find(runId: string): RunRecord | undefined;
}

/** Runs that live as long as the process. */
export function createMemoryRunStore({ maxFinishedRuns = 1_000 }: { readonly maxFinishedRuns?: number } = {}): MemoryRunStore {
  const running = new Map<string, RunRecord>();
  // A Map keeps the order of insertion, so the first key is the oldest.
  const finished = new Map<string, RunRecord>();

  function findRunning(runId: string): RunRecord {
    const run = running.get(runId);
    if (run === undefined) throw new RubotError('conflict', `The run ${runId} has ended or was never accepted.`);
    return run;
  }

  return {
    find: (runId) => running.get(runId) ?? finished.get(runId),
    async create(run) {
      if (running.has(run.runId) || finished.has(run.runId)) {
        throw new RubotError('conflict', `The run ${run.runId} exists. Send a request once, or with another run id.`);
      }
      running.set(run.runId, { ...run, steps: [], stepCount: 0, outcome: undefined });
    },
    async appendStep(runId, step) {
      const run = findRunning(runId);
      running.set(runId, { ...run, steps: [...run.steps, step], stepCount: run.stepCount + 1 });
    },
    async finish(runId, outcome) {
      finished.set(runId, { ...findRunning(runId), steps: [], outcome });
      running.delete(runId);
      const [oldest] = finished.keys();
      if (finished.size > maxFinishedRuns && oldest !== undefined) finished.delete(oldest);
    },
  };
}
