import { globSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { ModelStack } from '../_stack.ts';
import { callRuns, readRunEvents } from '../runs/_runs.ts';
import type { TenantWorld } from './_world.ts';

const OWNERS = ['tenant_id', 'chain', 'sender_id'];

/** All that the middleware keeps of a tenant, as somebody would read it who has the file. */
export function readRowsOf(folder: string, { tenant, sender }: TenantWorld): Readonly<Record<string, unknown>> {
  for (const file of globSync('**/*.sqlite', { cwd: folder })) {
    const database = new DatabaseSync(join(folder, file), { readOnly: true });
    try {
      const tables = database.prepare(`SELECT name FROM sqlite_master WHERE type = 'table'`).all() as { name: string }[];
      if (tables.some(({ name }) => name === 'tenants'))
        return Object.fromEntries(tables.map(({ name }) => [name, readTable(database, name)]));
    } finally {
      database.close();
    }
  }
  throw new Error(`there is no database of the middleware in ${folder}`);

  function readTable(database: DatabaseSync, table: string): unknown {
    const columns = database.prepare(`SELECT name FROM pragma_table_info(?)`).all(table) as { name: string }[];
    const owner = OWNERS.find((name) => columns.some((column) => column.name === name));
    if (owner === undefined) return [];
    // Which moment a token was last used at is the only thing that changes by being refused.
    return database.prepare(`SELECT * FROM "${table}" WHERE "${owner}" = ?`).all(owner === 'sender_id' ? sender : tenant);
  }
}

/** All that is kept of a tenant's runs, as its own sender sees them. */
export async function readRunsOf(stack: ModelStack, { sender, session }: TenantWorld): Promise<unknown> {
  const speaker = { senderId: sender, sessionId: session };
  const { data } = (await (await callRuns(stack, '?limit=100', { speaker })).json()) as { data: { id: string; finished_at: unknown }[] };
  const ended = data.filter(({ finished_at }) => finished_at !== null);
  return { data, events: await Promise.all(ended.map(({ id }) => readRunEvents(stack, id, { speaker }))) };
}
