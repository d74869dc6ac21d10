import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { toDurableBody } from './answers.ts';

/** Something that is measured beside our own path, against a database of its own. */
export interface RawSql {
  /** One completion that outlives its process, and nothing more. */
  complete(): Promise<void>;
  close(): Promise<void>;
}

/** Of the orchestrator, unless it is told otherwise. */
export const MAX_CONNECTIONS = 10;

const TABLES = `
  CREATE TABLE runs (id text PRIMARY KEY, status text NOT NULL, request json NOT NULL, answer json, created_at timestamptz NOT NULL DEFAULT now(), finished_at timestamptz);
  CREATE TABLE events (run_id text NOT NULL, seq integer NOT NULL, data json NOT NULL, PRIMARY KEY (run_id, seq))`;
const BEGIN = `WITH run AS (INSERT INTO runs (id, status, request) VALUES ($1, 'running', $2) RETURNING id) INSERT INTO events SELECT id, 1, $3 FROM run`;
const FINISH = `WITH run AS (UPDATE runs SET status = 'completed', answer = $2, finished_at = now() WHERE id = $1 AND status = 'running' RETURNING id)
  INSERT INTO events SELECT id, 2, $2 FROM run`;

const REQUEST = toDurableBody('instant', { stream: false });
const STARTED = JSON.stringify({ type: 'start' });
const ANSWER = JSON.stringify({
  choices: [{ index: 0, message: { role: 'assistant', content: ' valves'.repeat(10) }, finish_reason: 'stop' }],
});

/** The least that one would write by hand: the run before the work, its end after it, an event with each; two statements, two commits. */
export async function openRawSql(databaseUrl: string): Promise<RawSql> {
  const pool = new pg.Pool({ connectionString: databaseUrl, max: MAX_CONNECTIONS, idleTimeoutMillis: 0 });
  await pool.query(TABLES);
  return {
    async complete() {
      const id = randomUUID();
      await pool.query(BEGIN, [id, REQUEST, STARTED]);
      const { rowCount } = await pool.query(FINISH, [id, ANSWER]);
      if (rowCount !== 1) throw new Error(`the run ${id} did not finish`);
    },
    close: () => pool.end(),
  };
}
