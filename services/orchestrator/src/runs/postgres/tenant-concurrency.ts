import { sql } from 'drizzle-orm';
import type { Executor } from './database.ts';
import { countOf, type StoreContext } from './store-context.ts';

/** "rubots" in ASCII: under this lock the runs of tenants are counted, where their number is limited. */
const COUNTING_LOCK = 0x7275626f7473;

/** Whether one more run of the tenant may be worked on. What is counted stays so until the transaction ends. */
export async function hasRoom({ limits }: StoreContext, transaction: Executor, tenantId: string): Promise<boolean> {
  if (limits.concurrency === undefined) return true;
  await lockCounts(transaction);
  const { rows } = await transaction.execute<{ running: number }>(sql`SELECT (${countOf(tenantId, 'running')})::integer AS running`);
  return (rows[0]?.running ?? 0) < limits.concurrency;
}

/** The tenants of whom no more runs may be worked on. @returns none where there is no limit */
export async function findFullTenants({ limits }: StoreContext, transaction: Executor): Promise<readonly string[]> {
  if (limits.concurrency === undefined) return [];
  await lockCounts(transaction);
  const { rows } = await transaction.execute<{ tenant_id: string }>(sql`
    SELECT tenant_id FROM runs WHERE status = 'running' AND finished_at IS NULL GROUP BY tenant_id HAVING count(*) >= ${limits.concurrency}`);
  return rows.map((row) => row.tenant_id);
}

async function lockCounts(transaction: Executor): Promise<void> {
  await transaction.execute(sql`SELECT pg_advisory_xact_lock(${COUNTING_LOCK})`);
}
