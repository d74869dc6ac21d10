import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres';
import pg from 'pg';

/** What a statement is run on: the pool, or a transaction of it. */
export type Executor = Pick<NodePgDatabase, 'execute'>;

export interface Database extends Executor {
  /** Commits when the work resolves, and rolls back when it rejects. */
  transaction<Result>(work: (transaction: Executor) => Promise<Result>): Promise<Result>;
}

/** The connections of this process. */
export interface PoolUse {
  readonly max: number;
  readonly open: number;
  readonly idle: number;
  /** Who waits for one. */
  readonly waiting: number;
}

export interface OpenDatabase {
  readonly db: Database;
  use(): PoolUse;
  close(): Promise<void>;
}

export interface DatabaseOptions {
  readonly url: string;
  readonly maxConnections: number;
}

const CONNECT_TIMEOUT_MS = 5_000;
const STATEMENT_TIMEOUT_MS = 10_000;

/**
 * A pool that connects when it is asked to. Nothing is kept in a connection between two transactions (no prepared
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
  const statements = drizzle(pool);
  const db: Database = {
    execute: (query) => statements.execute(query),
    transaction: (work) => transact(pool, work),
  };
  return {
    db,
    use: () => ({ max: maxConnections, open: pool.totalCount, idle: pool.idleCount, waiting: pool.waitingCount }),
    close: () => pool.end(),
  };
}

/**
 * Drizzle's own never gives a connection back on which `begin` fails, so that a pool is empty for ever after its database was away
 * for a moment; and it gives one back on which the rollback failed, in the middle of its transaction.
 */
async function transact<Result>(pool: pg.Pool, work: (transaction: Executor) => Promise<Result>): Promise<Result> {
  const client = await pool.connect();
  let isSound = true;
  try {
    await client.query('BEGIN');
    const result = await work(drizzle(client));
    await client.query('COMMIT');
    return result;
  } catch (thrown) {
    isSound = await client.query('ROLLBACK').then(
      () => true,
      () => false,
    );
    throw thrown;
  } finally {
    client.release(!isSound);
  }
}

function ignoreBrokenConnection(): void {}
