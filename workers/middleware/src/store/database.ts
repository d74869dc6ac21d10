import type { D1Database } from '@cloudflare/workers-types';
import { RubotError } from '@rubot/errors';
import type { BatchItem, BatchResponse } from 'drizzle-orm/batch';
import { type DrizzleD1Database, drizzle } from 'drizzle-orm/d1';

export type Database = DrizzleD1Database;

/** Something that the database is to do; it is done when a batch that holds it runs. */
export type Statement = BatchItem<'sqlite'>;

export function openDatabase(binding: D1Database): Database {
  return drizzle(binding);
}

/**
 * Runs statements in order, in one round trip and one transaction: all of it happens, or nothing.
 *
 * @throws RubotError `conflict` when a constraint refuses it, `unavailable` when the database cannot answer now
 */
export async function runBatch<const Statements extends readonly [Statement, ...Statement[]]>(
  database: Database,
  statements: Statements,
): Promise<BatchResponse<Statements>> {
  try {
    return await database.batch(statements);
  } catch (cause) {
    throw toDatabaseError(cause);
  }
}

/** Whether a batch was refused because something else was quicker. */
export function isConflict(error: unknown): error is RubotError {
  return RubotError.is(error) && error.code === 'conflict';
}

/** Whether a batch was refused by this constraint: its name, or the columns that it makes unique, as SQLite tells them. */
export function isConstraintBroken(error: unknown, constraint: string): boolean {
  return isConflict(error) && textOf(error.cause).includes(`constraint failed: ${constraint}`);
}

/** https://developers.cloudflare.com/d1/observability/debug-d1/#error-list */
const PASSING_TROUBLE = /network connection lost|to be reset|was reset|reset because|overloaded|too many requests queued|starting up D1/i;
const BROKEN_CONSTRAINT = /constraint failed/i;

function toDatabaseError(cause: unknown): unknown {
  const text = textOf(cause);
  if (BROKEN_CONSTRAINT.test(text)) {
    return new RubotError('conflict', 'Something else changed the same data first. Read it again, then retry.', { cause });
  }
  if (PASSING_TROUBLE.test(text)) {
    // A read has no effect, and a write has one under its idempotency key, so either may be sent again.
    return new RubotError('unavailable', 'The database cannot answer right now. Try again in a moment.', { cause, retryAfterMs: 1_000 });
  }
  return cause;
}

function textOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
