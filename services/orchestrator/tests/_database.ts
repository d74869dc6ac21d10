import type { StepEvent } from '@rubot/contracts/agent';
import type { Usage } from '@rubot/contracts/chat-response';
import type { ErrorCode } from '@rubot/contracts/error';
import { type RunningPostgres, startPostgres } from '@rubot/testkit/postgres/start-postgres';
import pg from 'pg';
import { afterAll, beforeAll, onTestFinished } from 'vitest';
import { openDatabase } from '../src/runs/postgres/database.ts';
import { migrate } from '../src/runs/postgres/migrate.ts';

export const MIGRATIONS = new URL('../src/migrations/', import.meta.url);

let postgres: RunningPostgres;
let databaseCount = 0;

// One PostgreSQL a file, and in it one database a test.
beforeAll(async () => {
  postgres = await startPostgres();
});
afterAll(() => postgres.dispose());

/** The PostgreSQL of this file, for tests that take it away. */
export function postgresOfFile(): RunningPostgres {
  return postgres;
}

export interface StoredRun {
  readonly tenantId: string;
  readonly attempt: number;
  readonly lastSeq: number;
  readonly steps: readonly { readonly sliceId: string; readonly agentId: string; readonly step: StepEvent }[];
  readonly stepCount: number;
  readonly outcome: { readonly status: string; readonly errorCode: ErrorCode | undefined; readonly usage: Usage } | undefined;
}

export interface DatabaseOfTest {
  readonly url: string;
  findRun(runId: string): Promise<StoredRun | undefined>;
  query<Row extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<Row[]>;
}

export async function openEmptyDatabase(): Promise<DatabaseOfTest> {
  databaseCount += 1;
  const url = await postgres.createDatabase(`test_${databaseCount}`);
  const pool = new pg.Pool({ connectionString: url, max: 2 });
  pool.on('error', () => {});
  onTestFinished(() => pool.end());
  const query: DatabaseOfTest['query'] = async (text, values) => (await pool.query(text, values)).rows;
  return { url, query, findRun: (runId) => findRun(query, runId) };
}

/** With its schema, and closed when the test ends. */
export async function openTestDatabase(): Promise<DatabaseOfTest> {
  const database = await openEmptyDatabase();
  const { db, close } = openDatabase({ url: database.url, maxConnections: 1 });
  await migrate(db, MIGRATIONS);
  await close();
  return database;
}

async function findRun(query: DatabaseOfTest['query'], runId: string): Promise<StoredRun | undefined> {
  const [run] = await query('SELECT * FROM runs WHERE run_id = $1', [runId]);
  if (run === undefined) return undefined;
  const steps = await query('SELECT * FROM run_steps WHERE run_id = $1 ORDER BY slice_id, step_index', [runId]);
  const outcome = { status: run['status'], errorCode: run['error']?.code, usage: run['usage'] };
  return {
    tenantId: run['tenant_id'],
    attempt: run['attempt'],
    lastSeq: run['last_seq'],
    steps: steps.map((step) => ({ sliceId: step['slice_id'], agentId: step['agent_id'], step: step['step'] })),
    stepCount: steps.length,
    outcome: run['status'] === 'running' ? undefined : outcome,
  };
}
