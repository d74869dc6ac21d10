import { sql } from 'drizzle-orm';
import type { Database } from '../../runs/postgres/database.ts';
import { isRefused, orUnavailable } from '../../runs/postgres/failures.ts';
import { createGroupCommit } from '../../runs/postgres/group-commit.ts';
import { isTold, toStandings } from '../decide.ts';
import type { Reservation, Reservations, ReservedVerdict } from '../reservations.ts';
import { type CountersContext, readCounters } from './counters.ts';
import { reserveAll } from './reserve.ts';
import { findLeft, type Over, settleAll } from './settle.ts';

export interface ReservationsOptions {
  readonly db: Database;
  /** Milliseconds of the current moment; injected by tests. By default it is the database that knows: clocks of hosts differ. */
  readonly now?: (() => number) | undefined;
}

/** Those of one moment share a transaction. */
export function createReservations({ db, now }: ReservationsOptions): Reservations {
  const toContext = (): CountersContext => ({
    db,
    clock: now === undefined ? sql`clock_timestamp()` : sql`to_timestamp(${now() / 1_000})`,
  });
  const grouping = { keyOf: ({ runId }: { readonly runId: string }) => runId, wasRefused: isRefused };
  const reservings = createGroupCommit<Reservation, ReservedVerdict>({ ...grouping, flush: (asked) => reserveAll(toContext(), asked) });
  const settlings = createGroupCommit<Over, boolean>({ ...grouping, flush: (over) => settleAll(toContext(), over) });

  return {
    reserve: (reservation) => orUnavailable(() => reservings.submit(reservation)),
    async peek(demands) {
      const told = demands.filter(isTold);
      if (told.length === 0) return [];
      const { counters, atMs } = await orUnavailable(() => readCounters(toContext(), told));
      return toStandings(told, counters, atMs);
    },
    async release(runId) {
      await orUnavailable(() => settlings.submit({ runId, wasLetIn: false }));
    },
    async settle(runId) {
      await orUnavailable(() => settlings.submit({ runId, wasLetIn: true }));
    },
    async sweep(limit) {
      const left = await orUnavailable(() => findLeft(toContext(), limit));
      const settled = await Promise.all(left.map((over) => orUnavailable(() => settlings.submit(over))));
      return settled.filter((isSettled) => isSettled).length;
    },
  };
}
