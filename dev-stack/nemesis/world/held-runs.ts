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

/** Those that another attempt has, or that have ended. */
export async function listTaken(database: Database, held: readonly HeldRun[]): Promise<readonly HeldRun[]> {
  const now = await database.query<HeldRun>('SELECT run_id, attempt FROM runs WHERE run_id = ANY($1::text[])', [
    held.map((run) => run.run_id),
  ]);
  const attemptOf = new Map(now.map((run) => [run.run_id, run.attempt]));
  return held.filter(({ run_id, attempt }) => (attemptOf.get(run_id) ?? 0) > attempt);
}
