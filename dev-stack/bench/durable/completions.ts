import pg from 'pg';
import { type ClosedLoop, measureClosedLoop } from '../measures/closed-loop.ts';
import { createCompletionClient } from '../measures/post-completion.ts';
import type { Target } from '../targets/target.ts';
import { toDurableBody } from './answers.ts';

/** How many clients ask at a time, whatever is measured. */
export const CONCURRENCY = 50;

/** Completed runs in the orchestrator's database. */
export interface RunCount {
  read(): Promise<number>;
  close(): Promise<void>;
}

export function openRunCount(databaseUrl: string): RunCount {
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 1, idleTimeoutMillis: 0 });
  return {
    async read() {
      const { rows } = await pool.query<{ count: string }>("SELECT count(*) FROM runs WHERE status = 'completed'");
      return Number(rows[0]?.count);
    },
    close: () => pool.end(),
  };
}

/** Whole answers, one after the other for each client; each must have become a completed run. */
export async function measureCompletions(target: Target, turnMs: number, runs: RunCount): Promise<ClosedLoop> {
  const client = createCompletionClient(target);
  const body = toDurableBody('instant', { stream: false });
  try {
    const before = await runs.read();
    const loop = await measureClosedLoop({ concurrency: CONCURRENCY, turnMs, work: (worker) => client.post(body, worker, () => {}) });
    const completed = (await runs.read()) - before;
    if (completed !== loop.count)
      throw new Error(`${loop.count} answers came of ${completed} completed runs: what was measured is not durable`);
    return loop;
  } finally {
    await client.close();
  }
}
