import { z } from 'zod';
import { defineReadTool } from '../../provider.ts';
import { requireTable } from '../find-table.ts';
import { QueryInput, RequestedName } from '../query-input.ts';
import { planQuery } from '../query-plan.ts';
import { runQuery } from '../store.ts';

const SAMPLE_ROWS = 3;

export const tablesDescribe = defineReadTool({
  name: 'tables_describe',
  description:
    'Describes one table: its columns with their types, its number of rows, and its first rows as examples. Use it before a query that compares text, to see how values are spelled.',
  input: z.strictObject({ table: RequestedName }),
  async call(data, input) {
    const table = await requireTable(data, input.table);
    const plan = planQuery(table, QueryInput.parse({ table: table.name, limit: SAMPLE_ROWS }));
    const rows = await runQuery(data, table, plan);
    return {
      name: table.name,
      row_count: table.rowCount,
      created_at: table.createdAt,
      columns: table.columns.map(({ name, type }) => ({ name, type })),
      sample_rows: rows.slice(0, SAMPLE_ROWS),
    };
  },
});
