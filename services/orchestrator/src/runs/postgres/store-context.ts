import type { SlotType } from '@rubot/contracts/agent';
import { type SQL, sql } from 'drizzle-orm';
import type { Prices } from '../../limits/prices.ts';
import type { RunOutcome } from '../run-store.ts';
import type { Database } from './database.ts';
import type { GroupedAdmissions } from './grouped-admissions.ts';
import type { GroupedWrites } from './grouped-writes.ts';
import type { Tickets } from './tickets.ts';

/** How much of the platform one tenant may take, counted over all processes. */
export interface TenantLimits {
  /** Runs that are worked on at a time; `undefined` for no limit. */
  readonly concurrency: number | undefined;
  /** Runs that wait. */
  readonly queueDepth: number;
}

/** What the parts of the store have in common. */
export interface StoreContext {
  readonly db: Database;
  readonly tickets: Tickets;
  readonly admissions: GroupedAdmissions;
  readonly writes: GroupedWrites;
  /** Of this process. */
  readonly workerId: string;
  /** How long a run is held without a renewal. All times are the database's own: clocks of hosts differ. */
  readonly leaseMs: number;
  readonly limits: TenantLimits;
  /** How long one attempt may take of a run for which nobody waits. */
  readonly backgroundTimeoutMs: number;
  /** Something was written into the run. */
  readonly onWrite: (runId: string) => void;
  /** A ticket was put into the queue, to be had now. */
  readonly onQueued: (slotType: SlotType) => void;
  /** A run was ended by a request, whoever had it. */
  readonly onEnded: (status: RunOutcome['status']) => void;
  /** A run that something was reserved for has ended. It never rejects: whoever looks for what was left does it later. */
  readonly settle: (runId: string) => Promise<void>;
  /** Absent where the operator has set none. */
  readonly prices: Prices | undefined;
}

/** What a run has cost, in billionths of a dollar. */
export function costOf({ prices }: Pick<StoreContext, 'prices'>, { spendings }: RunOutcome): number | null {
  return prices === undefined || spendings === undefined ? null : prices.costOf(spendings);
}

export function leaseOf({ leaseMs }: Pick<StoreContext, 'leaseMs'>): SQL {
  return sql`now() + ${leaseMs} * interval '1 millisecond'`;
}

/** What makes a run one for which nobody waits any more, so that each attempt has its own time. */
export function withoutReader({ backgroundTimeoutMs }: StoreContext): SQL {
  return sql`is_background = true, deadline_at = NULL, timeout_ms = CASE WHEN is_background THEN timeout_ms ELSE ${backgroundTimeoutMs} END`;
}

export function isOf({ tenantId, senderId }: { readonly tenantId: string; readonly senderId: string }): SQL {
  return sql`tenant_id = ${tenantId} AND sender_id = ${senderId}`;
}

/** The runs of a tenant that are in this state, by the index of open runs. */
export function countOf(tenantId: string, status: 'queued' | 'running'): SQL {
  return sql`SELECT count(*) FROM runs WHERE tenant_id = ${tenantId} AND status = ${status} AND finished_at IS NULL`;
}

export function toJson(value: unknown): string | null {
  return value === undefined || value === null ? null : JSON.stringify(value);
}
