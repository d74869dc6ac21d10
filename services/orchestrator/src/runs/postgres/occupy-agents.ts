import { sql } from 'drizzle-orm';
import type { StoreContext } from './store-context.ts';

export interface Occupation {
  readonly runId: string;
  readonly attempt: number;
  readonly agentIds: readonly string[];
  readonly limits: ReadonlyMap<string, number>;
}

/** "rubota" in ASCII: under this lock the runs of agents are counted. */
const COUNTING_LOCK = 0x7275626f7461;

/** @returns the agents that are at their limit; `undefined` when the run is no longer this attempt's */
export async function occupyAgents(
  { db }: StoreContext,
  { runId, attempt, agentIds, limits }: Occupation,
): Promise<readonly string[] | undefined> {
  return db.transaction(async (transaction) => {
    await transaction.execute(sql`SELECT pg_advisory_xact_lock(${COUNTING_LOCK})`);
    const { rows } = await transaction.execute<{ agent_id: string; count: string }>(sql`
      SELECT agent_id, count(*) AS count FROM runs, unnest(agent_ids) AS agent_id
      WHERE status = 'running' AND finished_at IS NULL AND agent_id = ANY(${sql.param(agentIds)}::text[]) AND run_id <> ${runId} GROUP BY agent_id`);
    const full = rows
      .filter((row) => Number(row.count) >= (limits.get(row.agent_id) ?? Number.POSITIVE_INFINITY))
      .map((row) => row.agent_id);
    if (full.length > 0) return full;
    const { rowCount } = await transaction.execute(sql`
      UPDATE runs SET agent_ids = ${sql.param(agentIds)}::text[] WHERE run_id = ${runId} AND attempt = ${attempt} AND status = 'running'`);
    return rowCount === 1 ? [] : undefined;
  });
}
