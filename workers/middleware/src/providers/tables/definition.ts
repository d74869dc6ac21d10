import { RubotError } from '@rubot/errors';
import type { ColumnType } from './cells.ts';
import { toName } from './names.ts';

/** A column as the catalogue knows it. The position, an integer of ours, is all of it that reaches SQL. */
export interface Column {
  readonly position: number;
  readonly name: string;
  readonly type: ColumnType;
}

export interface TableDefinition {
  readonly name: string;
  readonly rowCount: number;
  readonly createdAt: string;
  readonly columns: readonly Column[];
}

/** @throws RubotError `invalid_request` that names the columns there are; models read it and mend their call */
export function findColumn(table: TableDefinition, requestedName: string, param: string): Column {
  const name = toName(requestedName);
  const column = table.columns.find((candidate) => candidate.name === name);
  if (column !== undefined) return column;
  throw new RubotError(
    'invalid_request',
    `Table ${table.name} has no such column as ${param} names. Its columns are: ${describeColumns(table.columns)}.`,
    { param },
  );
}

function describeColumns(columns: readonly Column[]): string {
  return columns.map(({ name, type }) => `${name} (${type})`).join(', ');
}
