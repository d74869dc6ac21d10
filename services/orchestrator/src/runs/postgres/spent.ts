import type { Usage } from '@rubot/contracts/chat-response';
import { sql } from 'drizzle-orm';
import { PLANNER } from '../../limits/prices.ts';
import type { RunOutcome } from '../run-store.ts';
import { sumSpendings } from '../spendings.ts';
import type { Executor } from './database.ts';

/** The same as `listSpendings`, of a run that is ended by somebody else than whoever works on it. */
export async function readSpent(executor: Executor, runId: string): Promise<Required<Pick<RunOutcome, 'usage' | 'spendings'>>> {
  const { rows } = await executor.execute<{ by: string; usage: Usage | null }>(sql`
    SELECT agent_id AS by, step -> 'usage' AS usage FROM run_steps WHERE run_id = ${runId}
    UNION ALL SELECT ${PLANNER}, plan -> 'usage' FROM runs WHERE run_id = ${runId}`);
  const spendings = rows.flatMap(({ by, usage }) => (usage === null ? [] : [{ by, usage }]));
  return { usage: sumSpendings(spendings), spendings };
}
