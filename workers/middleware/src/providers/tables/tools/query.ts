import { MAX_TOOL_RESULT_CHARACTERS } from '@rubot/contracts/data';
import { RubotError } from '@rubot/errors';
import { defineReadTool } from '../../provider.ts';
import { requireTable } from '../find-table.ts';
import { QueryInput } from '../query-input.ts';
import { planQuery } from '../query-plan.ts';
import { runQuery } from '../store.ts';

export const tablesQuery = defineReadTool({
  name: 'tables_query',
  description:
    'Reads rows of one table: chosen columns, conditions, groups with aggregates, order, and pages. To compare two columns of a row, such as stock below its reorder level, use other_column in a condition. Let aggregates count and sum instead of reading all rows.',
  input: QueryInput,
  async call(data, input) {
    const table = await requireTable(data, input.table);
    const plan = planQuery(table, input);
    const found = await runQuery(data, table, plan);
    const rows = found.slice(0, plan.limit);
    assertReadable(rows);
    return {
      table: table.name,
      columns: plan.fields.map(({ name, type }) => ({ name, type })),
      rows,
      row_count: rows.length,
      /** `true`: the next page begins at offset + row_count. */
      has_more: found.length > plan.limit,
    };
  },
});

/** @throws RubotError `invalid_request` for more than a model can read at once */
function assertReadable(rows: readonly unknown[]): void {
  const { length } = JSON.stringify(rows);
  if (length <= MAX_TOOL_RESULT_CHARACTERS) return;
  throw new RubotError(
    'invalid_request',
    `The result has ${length} characters, more than the ${MAX_TOOL_RESULT_CHARACTERS} that can be read at once. Name fewer columns, set a smaller limit, or use aggregates.`,
  );
}
