import type { SlotType } from '@rubot/contracts/agent';
import type { Priority } from '@rubot/contracts/runs';
import { sql } from 'drizzle-orm';
import type { Executor } from './database.ts';
import { orUnavailable } from './failures.ts';

/** What keeps a run from being worked on: no slot is free, a person decides, another run of its session answers, its next try is not due. */
export const WAITS_FOR = ['slot', 'approval', 'session', 'retry'] as const;
export type WaitsFor = (typeof WAITS_FOR)[number];

export interface WaitingRuns {
  readonly waitsFor: WaitsFor;
  readonly slotType: SlotType;
  readonly priority: Priority;
  readonly count: number;
  readonly oldestAgeSeconds: number;
}

/** How it stands with all runs, whichever process has them. */
export interface QueueFigures {
  readonly waiting: readonly WaitingRuns[];
  readonly deadLetterCount: number;
  /** Runs that hold something of their limits. */
  readonly reservationCount: number;
  /** By role; of those that were heard of within a lease. */
  readonly workerCounts: ReadonlyMap<string, number>;
}

type Row = { readonly [Name in 'kind' | 'first' | 'second']: string } & { readonly count: number; readonly age: number };

/** One statement, over what is open alone: it costs the same however many runs have ended. */
export async function readQueueFigures(executor: Executor, { leaseMs }: { readonly leaseMs: number }): Promise<QueueFigures> {
  const { rows } = await orUnavailable(() =>
    executor.execute<Row & Record<string, unknown>>(sql`
      SELECT CASE WHEN status = 'requires_action' THEN 'approval' WHEN queued_at IS NULL THEN 'session' WHEN queued_at > now() THEN 'retry'
          ELSE 'slot' END AS kind,
        slot_type AS first, priority AS second, count(*)::integer AS count,
        greatest(0, extract(epoch FROM now() - min(coalesce(queued_at, created_at))))::double precision AS age
      FROM runs WHERE status IN ('queued', 'requires_action') AND finished_at IS NULL GROUP BY 1, 2, 3
      UNION ALL SELECT 'dead', '', '', count(*)::integer, 0 FROM runs WHERE dead_at IS NOT NULL
      UNION ALL SELECT 'reservation', '', '', count(*)::integer, 0 FROM reservations
      UNION ALL SELECT 'worker', role, '', count(*)::integer, 0 FROM workers
        WHERE seen_at > now() - ${leaseMs} * interval '1 millisecond' GROUP BY role`),
  );
  const isWaiting = (row: Row) => WAITS_FOR.some((kind) => kind === row.kind);
  return {
    waiting: rows.filter(isWaiting).map(toWaitingRuns),
    deadLetterCount: rows.find(({ kind }) => kind === 'dead')?.count ?? 0,
    reservationCount: rows.find(({ kind }) => kind === 'reservation')?.count ?? 0,
    workerCounts: new Map(rows.filter(({ kind }) => kind === 'worker').map(({ first, count }) => [first, count])),
  };
}

/** The columns hold what this same code wrote. */
function toWaitingRuns({ kind, first, second, count, age }: Row): WaitingRuns {
  return { waitsFor: kind as WaitsFor, slotType: first as SlotType, priority: second as Priority, count, oldestAgeSeconds: age };
}
