import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres';
import pg from 'pg';

export type Database = NodePgDatabase;

export interface OpenDatabase {
  readonly db: Database;
  close(): Promise<void>;
}

export interface DatabaseOptions {
  readonly url: string;
  readonly maxConnections: number;
}

const CONNECT_TIMEOUT_MS = 2_000;
const STATEMENT_TIMEOUT_MS = 10_000;

/**
 * A pool that connects when it is asked to. Nothing is kept in a connection between two statements (no prepared
 * statement by name, no setting), so that PgBouncer may stand in front in transaction mode.
 */
export function openDatabase({ url, maxConnections }: DatabaseOptions): OpenDatabase {
  const pool = new pg.Pool({
    connectionString: url,
    max: maxConnections,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: STATEMENT_TIMEOUT_MS,
    application_name: 'rubot-orchestrator',
  });
  // A connection that breaks between two statements is replaced, or its transaction fails at the next one; unheard, the
  // error would end the process.
  pool.on('error', ignoreBrokenConnection);
  pool.on('connect', (client) => client.on('error', ignoreBrokenConnection));
  return { db: drizzle(pool), close: () => pool.end() };
}

function ignoreBrokenConnection(): void {}
