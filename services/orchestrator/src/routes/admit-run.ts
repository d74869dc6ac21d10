import type { OrchestratorDeps } from '../deps.ts';
import type { Admitted } from '../runs/run-store.ts';
import type { RunRequest } from './run-request.ts';

/** Lets a run in: at once where a slot is free and nobody waits before it, else into the queue. */
export async function admitRun(
  { run, idempotency, session }: RunRequest,
  { runs, slots, dispatcher }: OrchestratorDeps,
): Promise<Admitted> {
  const holder = { runId: run.runId, attempt: 1 };
  const mayBegin = !dispatcher.hasBacklog(run.slotType) && slots.take(run.slotType, holder);
  let hasBegun = false;
  try {
    const admitted = await runs.admit({ run, mayBegin, idempotency, session });
    hasBegun = admitted.status === 'begun';
    return admitted;
  } finally {
    // One that has begun gives its slot back when it ends. Where none was got, another request may have it: by mistake, under the same id.
    if (mayBegin && !hasBegun) slots.release(holder);
  }
}
