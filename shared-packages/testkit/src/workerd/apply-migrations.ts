import { readdir, readFile } from 'node:fs/promises';
import type { D1Database } from '@cloudflare/workers-types';

const STATEMENT_BREAK = '--> statement-breakpoint';

/** Applies what `wrangler d1 migrations apply` would: each file once, in order, whole or not at all. */
export async function applyMigrations(database: D1Database, directory: URL): Promise<void> {
  await database
    .prepare('create table if not exists d1_migrations (name text primary key, applied_at text not null default current_timestamp)')
    .run();
  const { results } = await database.prepare('select name from d1_migrations').all<{ name: string }>();
  const applied = new Set(results.map(({ name }) => name));
  const files = (await readdir(directory)).filter((name) => name.endsWith('.sql') && !applied.has(name)).sort();
  for (const name of files) {
    const text = await readFile(new URL(name, directory), 'utf8');
    const statements = text
      .split(STATEMENT_BREAK)
      .map((statement) => statement.trim())
      .filter((statement) => statement !== '');
    const record = database.prepare('insert into d1_migrations (name) values (?)').bind(name);
    await database.batch([...statements.map((statement) => database.prepare(statement)), record]);
  }
}
