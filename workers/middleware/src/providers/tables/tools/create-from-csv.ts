import { RubotError } from '@rubot/errors';
import { z } from 'zod';
import { defineWriteTool } from '../../provider.ts';
import { MAX_CSV_CHARACTERS, MAX_NAME_CHARACTERS, MAX_TABLES } from '../limits.ts';
import { toName } from '../names.ts';
import { RequestedName } from '../query-input.ts';
import { readCsv } from '../read-csv.ts';
import { createTable, insertRows, listTables } from '../store.ts';

export const tablesCreateFromCsv = defineWriteTool({
  name: 'tables_create_from_csv',
  description:
    'Creates a table from CSV text. The first line names the columns; each column becomes text, number, boolean or date by what its cells hold. Names are spelled in lower case with underscores.',
  input: z.strictObject({
    name: RequestedName.describe('Name of the new table.'),
    csv: z
      .string()
      .min(1)
      .max(MAX_CSV_CHARACTERS, `holds more than ${MAX_CSV_CHARACTERS} characters; split it and add the rest with tables_insert`),
  }),
  async plan(data, input) {
    const name = toName(input.name);
    if (name === undefined) {
      throw new RubotError('invalid_request', `The name must hold 1 to ${MAX_NAME_CHARACTERS} letters or digits.`, { param: 'name' });
    }
    const existing = await listTables(data);
    if (existing.some((table) => table.name === name)) throw new RubotError('conflict', taken(name), { param: 'name' });
    if (existing.length >= MAX_TABLES) throw new RubotError('conflict', tooMany());
    const { columns, rows } = readCsv(input.csv);
    return {
      result: { table: name, columns: columns.map((column) => ({ name: column.name, type: column.type })), row_count: rows.length },
      statements: (database) => [
        ...createTable(database, data.tenantId, name, columns),
        ...insertRows(database, data.tenantId, name, rows),
      ],
      conflictMessage: outrun(name),
    };
  },
});

function taken(name: string): string {
  return `There is a table ${name} already. Choose another name, or add rows to it with tables_insert.`;
}

/** Another creation was quicker, and which of the two it leaves impossible the database does not tell. */
function outrun(name: string): string {
  return `Tables were created at the same time: there is a table ${name} already, or there are ${MAX_TABLES} tables, the most there can be. See tables_list, then choose another name or add rows to a table.`;
}

function tooMany(): string {
  return `There are ${MAX_TABLES} tables already, the most there can be. Add rows to one of them instead.`;
}
