import type { RubotError } from '@rubot/errors';
import { type SQL, sql } from 'drizzle-orm';
import { type Database, isConstraintBroken, type Statement } from '../database.ts';
import { preconditions } from '../schema.ts';

/** What the condition says must hold when the batch runs, or nothing of the batch happens. One that is neither true nor false does not hold. */
export function requireThat(database: Database, condition: SQL): Statement {
  return database.insert(preconditions).select(sql`select 0 where (${condition}) is not true`);
}

/** Whether a batch was refused because of `requireThat`, and not by another constraint. */
export function isBrokenPrecondition(error: unknown): error is RubotError {
  return isConstraintBroken(error, 'preconditions_hold');
}
