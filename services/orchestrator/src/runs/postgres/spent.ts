import { addUsage, NO_USAGE, type Usage } from '@rubot/contracts/chat-response';
import { sql } from 'drizzle-orm';
import type { Executor } from './database.ts';

/** What a run has cost by what is on record of it: its plan and its finished steps. They are paid for, whoever ends it. */
export async function readSpent(executor: Executor, runId: string): Promise<Usage> {
  const { rows } = await executor.execute<{ usage: Usage | null }>(sql`
    SELECT step -> 'usage' AS usage FROM run_steps WHERE run_id = ${runId}
    UNION ALL SELECT plan -> 'usage' FROM runs WHERE run_id = ${runId}`);
  return rows.reduce((total, { usage }) => (usage === null ? total : addUsage(total, usage)), NO_USAGE);
}
