import { setTimeout as pause } from 'node:timers/promises';
import type { Database } from '../world/database.ts';

export interface QueueWatch {
  /** How often it has looked. */
  looks(): number;
  /** Looks once more, when every run has ended. @returns what it has seen that must not be */
  stop(): Promise<readonly string[]>;
}

const INTERVAL_MS = 500;

/** One statement, so that it sees one moment: a run that waits has one ticket, and whatever has a ticket waits; a dead letter is a run given up. */
const MISMATCHES = `
  WITH tickets AS (
    SELECT data->>'run_id' AS run_id, count(*) FILTER (WHERE name <> 'runs_dead')::integer AS waiting, count(*) FILTER (WHERE name = 'runs_dead')::integer AS dead
    FROM pgboss.job WHERE state < 'active' GROUP BY 1
  )
  SELECT coalesce(runs.run_id, tickets.run_id) AS run_id, coalesce(runs.status, 'not there') AS status,
    coalesce(tickets.waiting, 0) AS waiting, coalesce(tickets.dead, 0) AS dead
  FROM runs FULL JOIN tickets ON tickets.run_id = runs.run_id
  WHERE coalesce(tickets.waiting, 0) <> CASE WHEN runs.status = 'queued' THEN 1 ELSE 0 END
    OR coalesce(tickets.dead, 0) <> CASE WHEN runs.dead_at IS NULL THEN 0 ELSE 1 END`;

interface Mismatch {
  readonly run_id: string;
  readonly status: string;
  readonly waiting: number;
  readonly dead: number;
}

/** Looks again and again, while the world goes wrong, whether the queue and the runs agree. */
export function watchQueue(database: Database): QueueWatch {
  const seen = new Set<string>();
  let looks = 0;
  let stopped = false;

  async function look(): Promise<void> {
    for (const { run_id, status, waiting, dead } of await database.query<Mismatch>(MISMATCHES)) {
      seen.add(`${run_id} is ${status} with ${waiting} tickets and ${dead} dead letters`);
    }
    looks += 1;
  }

  async function watch(): Promise<void> {
    while (!stopped) {
      await look();
      await pause(INTERVAL_MS);
    }
  }

  const watching = watch();
  return {
    looks: () => looks,
    async stop() {
      stopped = true;
      await watching;
      await look();
      return [...seen];
    },
  };
}
