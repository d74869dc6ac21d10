import { globSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/** What the middleware keeps of a write, in the same transaction as the write itself. */
export interface ToolEffect {
  readonly idempotency_key: string;
  readonly result: string;
}

/** Where the Workers keep their data, so that it outlives them; else D1 is a memory of workerd's. */
export interface DataFolder {
  readonly path: string;
  /** Effects of one tool, oldest first. As an auditor would read them, past the platform. */
  readEffects(tool: string): readonly ToolEffect[];
  /** How many rows of a tenant's table hold a cell. */
  countRows(table: string, cell: string): number;
  /** When nothing writes to it any more. */
  remove(): void;
}

export function createDataFolder(): DataFolder {
  const path = mkdtempSync(join(tmpdir(), 'rubot-e2e-data-'));
  return {
    path,
    readEffects: (tool) =>
      select<ToolEffect>(path, 'SELECT idempotency_key, result FROM tool_effects WHERE tool = ? ORDER BY created_at', tool),
    countRows: (table, cell) =>
      select(path, `SELECT 1 FROM table_rows WHERE table_name = ? AND instr(cells, ?) > 0`, table, JSON.stringify(cell)).length,
    remove: () => rmSync(path, { recursive: true, force: true }),
  };
}

/** From that file of workerd's which is the middleware's database. */
function select<Row>(path: string, statement: string, ...values: readonly string[]): readonly Row[] {
  for (const file of globSync('**/*.sqlite', { cwd: path })) {
    const database = new DatabaseSync(join(path, file), { readOnly: true });
    try {
      if (database.prepare(`SELECT 1 FROM sqlite_master WHERE name = 'tool_effects'`).get() === undefined) continue;
      return database.prepare(statement).all(...values) as unknown as readonly Row[];
    } finally {
      database.close();
    }
  }
  throw new Error(`there is no database of the middleware in ${path}`);
}
