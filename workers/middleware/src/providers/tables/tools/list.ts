import { MAX_TOOL_RESULT_CHARACTERS } from '@rubot/contracts/data';
import { z } from 'zod';
import { defineReadTool } from '../../provider.ts';
import type { TableDefinition } from '../definition.ts';
import { listTables } from '../store.ts';

export const tablesList = defineReadTool({
  name: 'tables_list',
  description:
    'Lists the tables there are, with their columns and how many rows each holds. Start here. A table with more_columns has more columns than are shown; tables_describe shows all.',
  input: z.strictObject({}),
  async call(data) {
    const tables = await listTables(data);
    const whole = tables.map((table) => toEntry(table, table.columns.length));
    return { tables: isReadable(whole) ? whole : tables.map((table) => shorten(table, LIST_CHARACTERS / tables.length)) };
  },
});

interface Entry {
  readonly name: string;
  readonly row_count: number;
  readonly columns: readonly string[];
  readonly more_columns?: number;
}

/** Less what stands around the list. */
const LIST_CHARACTERS = MAX_TOOL_RESULT_CHARACTERS - '{"tables":[]}'.length;

function isReadable(entries: readonly Entry[]): boolean {
  return JSON.stringify(entries).length <= LIST_CHARACTERS;
}

function toEntry({ name, rowCount, columns }: TableDefinition, columnCount: number): Entry {
  const left = columns.length - columnCount;
  const shown = columns.slice(0, columnCount).map((column) => column.name);
  return { name, row_count: rowCount, columns: shown, ...(left === 0 ? {} : { more_columns: left }) };
}

/** The table with as many of its columns as leave every other table its share; it is never left out itself. */
function shorten(table: TableDefinition, maxCharacters: number): Entry {
  let columnCount = table.columns.length;
  while (columnCount > 0 && JSON.stringify(toEntry(table, columnCount)).length + ','.length > maxCharacters) columnCount -= 1;
  return toEntry(table, columnCount);
}
