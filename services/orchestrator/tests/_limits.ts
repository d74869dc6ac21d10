import { onTestFinished } from 'vitest';
import type { Demand } from '../src/limits/demands.ts';
import type { LimitKind, LimitOwner } from '../src/limits/limit-kinds.ts';
import { createReservations } from '../src/limits/postgres/reservations.ts';
import type { Prices } from '../src/limits/prices.ts';
import type { Reservations } from '../src/limits/reservations.ts';
import { openDatabase } from '../src/runs/postgres/database.ts';
import { createPostgresRunStore } from '../src/runs/postgres/run-store.ts';
import { createTickets } from '../src/runs/postgres/tickets.ts';
import type { NewRun, RunStore } from '../src/runs/run-store.ts';
import type { DatabaseOfTest } from './_database.ts';

export const NOON = Date.UTC(2026, 10, 21, 12);

/** What one process has: a pool of its own, the limits, and the runs. */
export interface LimitedProcess {
  readonly reservations: Reservations;
  readonly runs: RunStore;
}

export interface OpenLimitsOptions {
  readonly now?: () => number;
  readonly prices?: Prices;
  /** False for a process that dies before it settles anything. */
  readonly settles?: boolean;
}

export async function openLimits(
  database: DatabaseOfTest,
  { now, prices, settles = true }: OpenLimitsOptions = {},
): Promise<LimitedProcess> {
  const { db, close } = openDatabase({ url: database.url, maxConnections: 5 });
  const tickets = createTickets(db, () => {});
  await tickets.start();
  onTestFinished(async () => {
    await tickets.stop();
    await close();
  });
  const reservations = createReservations({ db, now });
  const runs = createPostgresRunStore({
    db,
    tickets,
    workerId: 'test',
    leaseMs: 60_000,
    limits: { concurrency: undefined, queueDepth: 10_000 },
    backgroundTimeoutMs: 60_000,
    watchIntervalMs: 50,
    onQueued() {},
    onEnded() {},
    settle: (runId) => (settles ? reservations.settle(runId) : Promise.resolve()),
    prices,
  });
  return { reservations, runs };
}

export function toDemand(kind: LimitKind, limit: number, amount = 1, owner: LimitOwner = 'tenant', name = 'acme'): Demand {
  return { owner, scope: owner === 'global' ? owner : `${owner}:${name}`, kind, limit, amount };
}

export function toLimitedRun(runId: string, fields: Partial<NewRun> = {}): NewRun {
  return {
    runId,
    caller: { tenantId: 'acme', senderId: '+15550100', sessionId: 's', dataBearer: 'the-data-bearer' },
    request: { model: 'rubot', messages: [{ role: 'user', content: 'hi' }] },
    bearerGrant: undefined,
    allowedAgents: null,
    timeoutMs: 60_000,
    isBackground: false,
    priority: 'normal',
    slotType: 'cpu',
    isLimited: true,
    traceId: 'a'.repeat(32),
    spanId: 'b'.repeat(16),
    ...fields,
  };
}

export interface KeptCounter {
  readonly used: number;
  readonly previous: number;
}

/** Every counter by scope and kind. */
export async function readKept(database: DatabaseOfTest): Promise<Readonly<Record<string, KeptCounter>>> {
  const rows = await database.query<{ key: string; used: string; previous: string }>(
    "SELECT scope || ' ' || kind AS key, used, previous FROM limit_counters ORDER BY 1",
  );
  return Object.fromEntries(rows.map(({ key, used, previous }) => [key, { used: Number(used), previous: Number(previous) }]));
}

export async function countReservations(database: DatabaseOfTest): Promise<number> {
  const [row] = await database.query<{ count: number }>('SELECT count(*)::integer AS count FROM reservations');
  return row?.count ?? 0;
}
