import { RubotError } from '@rubot/errors';
import { z } from 'zod';
import { defineWriteTool } from '../../provider.ts';
import { type Column, findColumn, type TableDefinition } from '../definition.ts';
import { requireTable } from '../find-table.ts';
import { MAX_ROWS_PER_INSERT, MAX_ROWS_PER_TABLE } from '../limits.ts';
import { RequestedName } from '../query-input.ts';
import { toStoredRow } from '../rows.ts';
import { insertRows } from '../store.ts';

const Value = z.union([z.string(), z.number(), z.boolean(), z.null()]);

export const tablesInsert = defineWriteTool({
  name: 'tables_insert',
  description: 'Adds rows to a table. Columns that a row leaves out are empty in it.',
  input: z.strictObject({
    table: RequestedName,
    rows: z
      .array(z.record(RequestedName, Value))
      .min(1)
      .max(MAX_ROWS_PER_INSERT)
      .describe('Each row as an object from column name to value. Dates are ISO text.'),
  }),
  async plan(data, input) {
    const table = await requireTable(data, input.table);
    if (table.rowCount + input.rows.length > MAX_ROWS_PER_TABLE) throw tooManyRows(table.name);
    const rows = input.rows.map((row, index) => {
      const where = `rows[${index}]`;
      const values = readValues(table, row, where);
      return toStoredRow(table.columns, (column) => values.get(column), where);
    });
    return {
      result: { table: table.name, inserted: rows.length },
      statements: (database) => insertRows(database, data.tenantId, table.name, rows),
      conflictMessage: tooManyRows(table.name).message,
    };
  },
});

function readValues(table: TableDefinition, row: Readonly<Record<string, unknown>>, where: string): ReadonlyMap<Column, unknown> {
  const values = new Map<Column, unknown>();
  for (const [name, value] of Object.entries(row)) {
    const column = findColumn(table, name, where);
    if (values.has(column)) throw new RubotError('invalid_request', `${where} names ${column.name} twice.`, { param: where });
    values.set(column, value);
  }
  if (values.size === 0) throw new RubotError('invalid_request', `${where} is empty. Give at least one column a value.`, { param: where });
  return values;
}

function tooManyRows(tableName: string): RubotError {
  return new RubotError(
    'conflict',
    `Table ${tableName} would hold more than ${MAX_ROWS_PER_TABLE} rows, the most a table holds. Create another table.`,
  );
}
