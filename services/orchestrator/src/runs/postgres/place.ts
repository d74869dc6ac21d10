import type { Priority } from '@rubot/contracts/runs';
import { type SQL, sql } from 'drizzle-orm';

/** How many seconds of waiting a class is worth. A low run waits at most this much longer than a high one that came with it. */
const HEAD_START_SECONDS: Readonly<Record<Priority, number>> = { high: 60, normal: 30, low: 0 };
/** What each run of a tenant that waits already puts the tenant's next one back by, so that tenants take turns. */
const SPACING_SECONDS = 10;
/** 2025-01-01, so that a place fits an integer for the next decades. */
const ORIGIN_SECONDS = 1_735_689_600;

/**
 * The place of a run in the queue: a moment, in seconds, the earliest first. It is set once and never changed, as all
 * who wait gain at the same rate: a low run that came early enough stands before a high one that came late.
 */
export function placeOf(priority: Priority, waiting: SQL): SQL {
  const offset = ORIGIN_SECONDS + HEAD_START_SECONDS[priority];
  return sql`(floor(extract(epoch FROM now()))::integer - ${offset}::integer + (${waiting})::integer * ${SPACING_SECONDS}::integer)`;
}

/** A run that had begun already stands where it stood when it was accepted: before everyone who came after it. */
export const PLACE_OF_BEGUN = sql`(floor(extract(epoch FROM created_at))::integer - ${ORIGIN_SECONDS + HEAD_START_SECONDS.high}::integer)`;
