import { RubotError } from '@rubot/errors';
import { type Cell, toCell } from './cells.ts';
import type { Column } from './definition.ts';
import { MAX_CELL_CHARACTERS, MAX_ROW_CHARACTERS } from './limits.ts';

/** A row as it is stored: the JSON text of its cells, in the order of the columns. */
export type StoredRow = string;

/**
 * @param where how errors name the row, such as `rows[3]` or `line 4`
 * @throws RubotError `invalid_request`
 */
export function toStoredRow(columns: readonly Column[], read: (column: Column) => unknown, where: string): StoredRow {
  const cells = columns.map((column) => readCell(column, read(column), where));
  const row = JSON.stringify(cells);
  if (row.length <= MAX_ROW_CHARACTERS) return row;
  throw new RubotError('invalid_request', `${where} is too long: a row holds at most ${MAX_ROW_CHARACTERS} characters. Shorten its cells.`);
}

function readCell({ name, type }: Column, value: unknown, where: string): Cell {
  const cell = toCell(value, type);
  if (cell === undefined) {
    throw new RubotError('invalid_request', `${where}: the value of ${name} is not a ${type}. ${HOW_TO_WRITE[type]}`);
  }
  if (typeof cell === 'string' && cell.length > MAX_CELL_CHARACTERS) {
    throw new RubotError(
      'invalid_request',
      `${where}: the value of ${name} is longer than ${MAX_CELL_CHARACTERS} characters. Shorten it.`,
      {
        param: where,
      },
    );
  }
  return cell;
}

export const HOW_TO_WRITE = {
  text: 'Send a string.',
  number: 'Send a number, such as 12 or 3.5, without units or thousands separators.',
  boolean: 'Send true or false.',
  date: 'Send ISO 8601 text, such as 2026-03-31 or 2026-03-31T09:30:00Z.',
} as const;
