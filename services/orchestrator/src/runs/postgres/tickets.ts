import { SLOT_TYPES, type SlotType } from '@rubot/contracts/agent';
import { DrizzleQueryError, sql } from 'drizzle-orm';
import { fromDrizzle, PgBoss } from 'pg-boss';
import type { Database, Executor } from './database.ts';

/** A run's right to a slot, as it lies in the queue. */
export interface Ticket {
  readonly runId: string;
  readonly tenantId: string;
  readonly slotType: SlotType;
  /** Seconds; the smallest is the first (`place.ts`). */
  readonly place: number;
  readonly delayMs: number;
}

/**
 * The queue: pg-boss, which keeps the order, the delays and the dead letters. A run that waits has one ticket, written and taken in the
 * very transactions that change the run, so that neither can be without the other, whoever dies in between. What becomes of a run
 * is decided by its own row, as pg-boss cannot know whether a worker that reports is still the one that has the run.
 */
export interface Tickets {
  /** Makes its tables and queues where they are missing. */
  start(): Promise<void>;
  stop(): Promise<void>;
  insert(executor: Executor, tickets: readonly Ticket[]): Promise<void>;
  /** Takes the first in line out of the queue. @returns ids of runs, which may have ended meanwhile */
  take(executor: Executor, slotType: SlotType, limit: number, fullTenants: readonly string[]): Promise<readonly string[]>;
  bury(executor: Executor, ticket: Pick<Ticket, 'runId' | 'tenantId'>): Promise<void>;
  /** Puts the run's ticket from the dead letters back into the queue, before all others. False where it has none there. */
  redrive(executor: Executor, runId: string, slotType: SlotType): Promise<boolean>;
  /** Takes the run's ticket out of the dead letters, for good. */
  discard(executor: Executor, runId: string): Promise<void>;
}

interface TicketData {
  readonly run_id: string;
}

const SCHEMA = 'pgboss';
const DEAD = 'runs_dead';
/** pg-boss throws away what waits too long. A run that waits is never thrown away; this is as good as never. */
const RETENTION_SECONDS = 10 * 365 * 86_400;

const NO_JOB = '00000000-0000-0000-0000-000000000000';

function queueOf(slotType: SlotType): string {
  return `runs_${slotType}`;
}

export function createTickets(db: Database, onError: (error: Error) => void): Tickets {
  const boss = new PgBoss({
    db: toBossDatabase(db),
    schema: SCHEMA,
    // Our migrations make it, under their lock: of replicas that start together, all but one would fail here.
    createSchema: false,
    schedule: false,
  });
  boss.on('error', onError);

  return {
    async start() {
      await boss.start();
      for (const name of [...SLOT_TYPES.map(queueOf), DEAD]) await createQueue(boss, name);
    },
    stop: () => boss.stop({ graceful: false, close: false }),
    async insert(executor, tickets) {
      for (const type of SLOT_TYPES) {
        const jobs = tickets.filter(({ slotType }) => slotType === type).map(toJob);
        if (jobs.length > 0) await boss.insert(queueOf(type), jobs, { db: fromDrizzle(executor, sql) });
      }
    },
    async take(executor, slotType, limit, fullTenants) {
      const db = fromDrizzle(executor, sql);
      const name = queueOf(slotType);
      const jobs = await boss.fetch<TicketData>(name, { batchSize: limit, ignoreGroups: [...fullTenants], db });
      const ids = jobs.map(({ id }) => id);
      if (ids.length > 0) await boss.deleteJob(name, ids, { db });
      return jobs.map(({ data }) => data.run_id);
    },
    async bury(executor, { runId, tenantId }) {
      await boss.insert(DEAD, [{ data: { run_id: runId }, group: { id: tenantId } }], { db: fromDrizzle(executor, sql) });
    },
    async redrive(executor, runId, slotType) {
      const moved = await boss.redrive(DEAD, { destination: queueOf(slotType), data: { run_id: runId }, db: fromDrizzle(executor, sql) });
      return moved > 0;
    },
    async discard(executor, runId) {
      const db = fromDrizzle(executor, sql);
      const jobs = await boss.findJobs<TicketData>(DEAD, { data: { run_id: runId }, db });
      const ids = jobs.map(({ id }) => id);
      if (ids.length > 0) await boss.deleteJob(DEAD, ids, { db });
    },
  };
}

async function createQueue(boss: PgBoss, name: string): Promise<void> {
  await boss.createQueue(name, { retentionSeconds: RETENTION_SECONDS });
  // A queue is looked up at its first use, over a connection of the pool: in the first burst all of them are in transactions, which
  // would wait for each other.
  await boss.findJobs(name, { id: NO_JOB });
}

/** pg-boss knows by the words of a failure that another replica was faster to make its tables; drizzle puts its own words before them. */
function toBossDatabase(db: Database): ReturnType<typeof fromDrizzle> {
  const { executeSql } = fromDrizzle(db, sql);
  return {
    executeSql: (text, values) =>
      executeSql(text, values).catch((thrown: unknown) => {
        throw thrown instanceof DrizzleQueryError ? (thrown.cause ?? thrown) : thrown;
      }),
  };
}

function toJob({ runId, tenantId, place, delayMs }: Ticket) {
  const data: TicketData = { run_id: runId };
  return {
    data,
    group: { id: tenantId },
    // pg-boss takes the highest number first.
    priority: -place,
    // An interval, so that it counts by the database's clock.
    startAfter: `${delayMs} milliseconds`,
  };
}
