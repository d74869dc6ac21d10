import { readFile } from 'node:fs/promises';
import { sql } from 'drizzle-orm';
import { z } from 'zod';
import type { Executor } from './database.ts';
import { orUnavailable } from './failures.ts';

/** As drizzle-kit keeps it beside the migrations. */
const Journal = z.object({ entries: z.array(z.object({ when: z.number(), tag: z.string() })) });

export interface Migrations {
  /** Those that this build was made with, in order. */
  readonly known: readonly string[];
  /** Those that the database has had. */
  readonly applied: readonly string[];
}

/** @throws RubotError `unavailable` when the database does not answer */
export async function readMigrations(db: Executor, folder: URL): Promise<Migrations> {
  const { entries } = Journal.parse(JSON.parse(await readFile(new URL('meta/_journal.json', folder), 'utf8')));
  const names = new Map(entries.map(({ when, tag }) => [when, tag]));
  const { rows } = await orUnavailable(() => db.execute<{ made_at: string }>(sql`SELECT made_at FROM rubot_migrations ORDER BY made_at`));
  return {
    known: [...names.values()],
    applied: rows.map(({ made_at: madeAt }) => names.get(Number(madeAt)) ?? `one made at ${new Date(Number(madeAt)).toISOString()}`),
  };
}
