import type { Database } from './database.ts';
import type { World } from './start-world.ts';

/** A run that is worked on, with the attempt that has the right to. */
export interface HeldRun {
  readonly run_id: string;
  readonly attempt: number;
}

/** What a process is working on: runs for which it was the last to ask the agent. */
export async function listWorkOf({ database, ledger }: Pick<World, 'database' | 'ledger'>, seat: string): Promise<readonly HeldRun[]> {
  const running = await database.query<HeldRun & { trace_id: string }>(
    "SELECT run_id, attempt, trace_id FROM runs WHERE status = 'running'",
  );
  const seatOf = new Map(ledger.modelCalls.map((call) => [call.traceId, call.seat]));
  return running.filter(({ trace_id }) => seatOf.get(trace_id) === seat);
}

export interface MovedRun {
  readonly run_id: string;
  /** Whether another attempt has it, or had; one that has not was ended instead, or given up. */
  readonly isTaken: boolean;
}

/** Those that are not held any more. */
export async function listMoved(database: Database, held: readonly HeldRun[]): Promise<readonly MovedRun[]> {
  const now = await database.query<HeldRun & { has_ended: boolean }>(
    'SELECT run_id, attempt, finished_at IS NOT NULL AS has_ended FROM runs WHERE run_id = ANY($1::text[])',
    [held.map((run) => run.run_id)],
  );
  const attemptOf = new Map(held.map((run) => [run.run_id, run.attempt]));
  return now.flatMap(({ run_id, attempt, has_ended }) => {
    const isTaken = attempt > (attemptOf.get(run_id) ?? Number.POSITIVE_INFINITY);
    return isTaken || has_ended ? [{ run_id, isTaken }] : [];
  });
}
