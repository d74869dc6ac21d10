import { z } from 'zod';
import { defineReadTool } from '../../provider.ts';
import { listTables } from '../store.ts';

export const tablesList = defineReadTool({
  name: 'tables_list',
  description: 'Lists the tables there are, with their columns and how many rows each holds. Start here.',
  input: z.strictObject({}),
  async call(data) {
    const tables = await listTables(data);
    return {
      tables: tables.map(({ name, rowCount, columns }) => ({ name, row_count: rowCount, columns: columns.map((column) => column.name) })),
    };
  },
});
