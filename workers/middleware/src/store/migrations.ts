import { sql } from 'drizzle-orm';
import journal from '../../migrations/meta/_journal.json' with { type: 'json' };
import { type Database, runBatch } from './database.ts';

export interface Migrations {
  /** Those that this build was made with, in order. */
  readonly known: readonly string[];
  /** Those that the database has had. */
  readonly applied: readonly string[];
}

/** wrangler keeps a table of the files that it has applied. */
export async function readMigrations(database: Database): Promise<Migrations> {
  const [rows] = await runBatch(database, [database.all<{ name: string }>(sql`select name from d1_migrations order by name`)]);
  const known = journal.entries.map(({ tag }) => `${tag}.sql`);
  return { known, applied: rows.map(({ name }) => name) };
}
