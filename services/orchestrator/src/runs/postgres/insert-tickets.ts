import type { SlotType } from '@rubot/contracts/agent';
import { type SQL, sql } from 'drizzle-orm';
import type { Executor } from './database.ts';
import { PLACE_OF_BEGUN } from './place.ts';
import type { StoreContext } from './store-context.ts';

/** Gives tickets to runs that have a right to one by the same transaction. */
export async function insertTickets(context: StoreContext, transaction: Executor, runIds: readonly string[], delayMs = 0): Promise<void> {
  if (runIds.length === 0) return;
  const { rows } = await transaction.execute<{ run_id: string; tenant_id: string; slot_type: SlotType; place: number }>(sql`
    SELECT run_id, tenant_id, slot_type, ${PLACE_OF_BEGUN} AS place FROM runs WHERE run_id = ANY(${sql.param(runIds)}::text[])`);
  const tickets = rows.map((row) => ({ runId: row.run_id, tenantId: row.tenant_id, slotType: row.slot_type, place: row.place, delayMs }));
  await context.tickets.insert(transaction, tickets);
}

/** What makes a run wait again; the attempt stays until the next one is claimed, but writes no more, as the run does not run. */
export function toWaiting(delayMs = 0): SQL {
  return sql`status = 'queued', queued_at = now() + ${delayMs} * interval '1 millisecond', lease_until = NULL, worker_id = NULL, agent_ids = NULL`;
}
