import { z } from 'zod';
import { defineWriteTool } from '../../provider.ts';
import { toFilter } from '../conditions.ts';
import { requireTable } from '../find-table.ts';
import { MAX_ROWS_PER_DELETE } from '../limits.ts';
import { Match, RequestedName, Where } from '../query-input.ts';
import { deleteRows } from '../store.ts';

export const tablesDeleteRows = defineWriteTool({
  name: 'tables_delete_rows',
  description:
    'Deletes rows of a table for good. Look with tables_query first which rows the conditions fit, and say how many: when another number fits, nothing is deleted. A person has to approve each call.',
  needsApproval: true,
  input: z.strictObject({
    table: RequestedName,
    where: Where.min(1),
    match: Match,
    expected_rows: z.int().min(1).max(MAX_ROWS_PER_DELETE).describe('How many rows the conditions fit, as tables_query has told.'),
  }),
  async plan(data, input) {
    const table = await requireTable(data, input.table);
    const filter = toFilter(table, input);
    return {
      result: { table: table.name, deleted: input.expected_rows },
      statements: (database) => deleteRows(database, data.tenantId, table.name, filter, input.expected_rows),
      conflictMessage: `The conditions do not fit ${input.expected_rows} rows of ${table.name} but another number, so nothing was deleted. Look again with tables_query.`,
    };
  },
});
