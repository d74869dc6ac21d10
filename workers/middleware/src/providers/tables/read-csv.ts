import { RubotError } from '@rubot/errors';
import Papa from 'papaparse';
import { inferType } from './cells.ts';
import type { Column } from './definition.ts';
import { MAX_COLUMNS, MAX_ROWS_PER_TABLE } from './limits.ts';
import { toColumnNames } from './names.ts';
import { type StoredRow, toStoredRow } from './rows.ts';

export interface CsvTable {
  readonly columns: readonly Column[];
  readonly rows: readonly StoredRow[];
}

/**
 * A table from CSV text whose first line names the columns. The delimiter is found, types are inferred.
 *
 * @throws RubotError `invalid_request` that names the line
 */
export function readCsv(csv: string): CsvTable {
  const [headers, ...records] = parseRecords(csv);
  if (headers === undefined) throw invalid('The CSV is empty. Send a first line with the names of the columns.');
  if (headers.length > MAX_COLUMNS) throw invalid(`The CSV has ${headers.length} columns; a table holds at most ${MAX_COLUMNS}.`);
  if (records.length > MAX_ROWS_PER_TABLE)
    throw invalid(`The CSV has more than ${MAX_ROWS_PER_TABLE} rows, the most a table holds. Split it.`);
  for (const [index, record] of records.entries()) assertFits(record, headers.length, index);
  const columns = toColumnNames(headers).map((name, position) => ({
    position,
    name,
    type: inferType(records.map((record) => record[position] ?? '')),
  }));
  const rows = records.map((record, index) => toStoredRow(columns, ({ position }) => record[position] ?? '', toLine(index)));
  return { columns, rows };
}

function parseRecords(csv: string): readonly (readonly string[])[] {
  const { data, errors } = Papa.parse<string[]>(csv, {
    skipEmptyLines: 'greedy',
    transform: (field) => field.trim(),
    // One row more than allowed is enough to know that there are too many.
    preview: MAX_ROWS_PER_TABLE + 2,
  });
  const broken = errors.find((error) => error.type === 'Quotes');
  if (broken !== undefined)
    throw invalid(`${toLine((broken.row ?? 1) - 1)} of the CSV has a quote that does not fit. Double every quote inside quotes.`);
  return data;
}

function assertFits(record: readonly string[], columnCount: number, index: number): void {
  if (record.length <= columnCount) return;
  throw invalid(
    `${toLine(index)} of the CSV has ${record.length} cells, but the first line names ${columnCount} columns. Quote cells that hold the delimiter.`,
  );
}

/** Rows are counted as a person counts them, below the line with the names. */
function toLine(index: number): string {
  return `row ${index + 1}`;
}

function invalid(message: string): RubotError {
  return new RubotError('invalid_request', message, { param: 'csv' });
}
