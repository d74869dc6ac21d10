import { fileURLToPath } from 'node:url';
import { EnvironmentError } from '@rubot/config/parse-env';
import { RubotError } from '@rubot/errors';
import { sql } from 'drizzle-orm';
import { type MigrationMeta, readMigrationFiles } from 'drizzle-orm/migrator';
import { SERVICE } from '../../env.ts';
import type { Database } from './database.ts';
import { orUnavailable } from './failures.ts';

/** "rubot" in ASCII: the lock that every replica takes before it looks at the schema. */
const LOCK = 0x7275626f74;

/**
 * Brings the schema to this version. One transaction, which holds the lock: replicas that start together wait for each
 * other, and a migration that fails leaves nothing behind.
 *
 * @throws EnvironmentError when the database does not answer, or has a schema that this version does not know
 */
export async function migrate(db: Database, folder: URL): Promise<void> {
  const known = readMigrationFiles({ migrationsFolder: fileURLToPath(folder) });
  try {
    await orUnavailable(() => db.transaction((transaction) => applyMissing(transaction, known)));
  } catch (thrown) {
    if (!RubotError.is(thrown)) throw thrown;
    const reason = thrown.cause instanceof Error ? thrown.cause.message : thrown.message;
    throw new EnvironmentError(SERVICE, [`DATABASE_URL leads to no database that answers: ${reason}`]);
  }
}

type Transaction = Pick<Database, 'execute'>;

async function applyMissing(transaction: Transaction, known: readonly MigrationMeta[]): Promise<void> {
  await transaction.execute(sql`SELECT pg_advisory_xact_lock(${LOCK})`);
  await transaction.execute(sql`CREATE TABLE IF NOT EXISTS rubot_migrations (made_at bigint PRIMARY KEY, hash text NOT NULL)`);
  const { rows } = await transaction.execute<{ newest: string | null }>(sql`SELECT max(made_at) AS newest FROM rubot_migrations`);
  const newest = Number(rows[0]?.newest ?? 0);
  const latest = known.at(-1)?.folderMillis ?? 0;
  if (newest > latest) throw newerSchema(newest, latest);
  for (const migration of known) if (migration.folderMillis > newest) await apply(transaction, migration);
}

async function apply(transaction: Transaction, { sql: statements, folderMillis, hash }: MigrationMeta): Promise<void> {
  for (const statement of statements) await transaction.execute(sql.raw(statement));
  await transaction.execute(sql`INSERT INTO rubot_migrations (made_at, hash) VALUES (${folderMillis}, ${hash})`);
}

/** As after a rollback over a migration. */
function newerSchema(found: number, latest: number): EnvironmentError {
  return new EnvironmentError(SERVICE, [
    `DATABASE_URL leads to a database with a newer schema (${found}) than this version knows (${latest}); deploy the version that made it, or a later one`,
  ]);
}
