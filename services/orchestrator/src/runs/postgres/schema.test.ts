import { readFile } from 'node:fs/promises';
import { generateDrizzleJson, generateMigration } from 'drizzle-kit/api';
import { describe, expect, it } from 'vitest';
import * as schema from './schema.ts';

type Snapshot = ReturnType<typeof generateDrizzleJson>;

async function readJson(path: string): Promise<unknown> {
  return JSON.parse(await readFile(new URL(`../../migrations/meta/${path}`, import.meta.url), 'utf8'));
}

describe('the migrations', () => {
  it('make the tables that the schema says; after a change run: pnpm --filter @rubot/orchestrator migrations', async () => {
    const { entries } = (await readJson('_journal.json')) as { entries: { idx: number }[] };
    const last = String(entries.at(-1)?.idx).padStart(4, '0');
    const migrated = (await readJson(`${last}_snapshot.json`)) as Snapshot;
    expect(await generateMigration(migrated, generateDrizzleJson(schema))).toEqual([]);
  });
});
