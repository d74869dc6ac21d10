import { RubotError } from '@rubot/errors';
import { type SQL, sql } from 'drizzle-orm';
import type { NewRun } from '../run-store.ts';
import type { Executor } from './database.ts';

/**
 * Whether the run may be inserted by this statement: something is reserved for it, and stays so until the transaction ends. Who took so long
 * that its reservation was released (`limits/postgres/settle.ts`) would come in beside all limits.
 */
export function isCovered({ runId, isLimited }: Pick<NewRun, 'runId' | 'isLimited'>): SQL {
  return isLimited ? sql`EXISTS (SELECT 1 FROM reservations WHERE run_id = ${runId} FOR KEY SHARE)` : sql`true`;
}

/** Why a run was not inserted. */
export async function toEntryRefusal(executor: Executor, { runId, isLimited }: NewRun): Promise<RubotError> {
  const { rowCount } = isLimited ? await executor.execute(sql`SELECT 1 FROM runs WHERE run_id = ${runId}`) : { rowCount: 1 };
  return rowCount === 0 ? reservationGone() : runExists(runId);
}

function runExists(runId: string): RubotError {
  return new RubotError('conflict', `The run ${runId} exists. Send a request once, or with another run id.`);
}

function reservationGone(): RubotError {
  return new RubotError('unavailable', 'It took too long to let the run in: what was reserved for it was given to others. Send it again.');
}
