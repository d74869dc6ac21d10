import { RubotError } from '@rubot/errors';
import { type Cell, toCell } from './cells.ts';
import { type Column, findColumn, type TableDefinition } from './definition.ts';
import type { FilterInput, WhereInput } from './query-input.ts';
import { HOW_TO_WRITE } from './rows.ts';

export type Comparison = 'eq' | 'ne' | 'lt' | 'lte' | 'gt' | 'gte';
export type TextSearch = 'contains' | 'starts_with';

/** A condition in which the columns are known and the values fit them. */
export type Condition =
  | { readonly kind: 'compare'; readonly operator: Comparison; readonly column: Column; readonly value: Cell }
  | { readonly kind: 'compare-columns'; readonly operator: Comparison; readonly column: Column; readonly other: Column }
  | { readonly kind: 'in'; readonly column: Column; readonly values: readonly Cell[] }
  | { readonly kind: 'search'; readonly operator: TextSearch; readonly column: Column; readonly text: string }
  | { readonly kind: 'empty'; readonly column: Column; readonly isEmpty: boolean };

/** Which rows are meant. */
export interface Filter {
  readonly conditions: readonly Condition[];
  readonly match: 'all' | 'any';
}

/** @throws RubotError `invalid_request` that says which condition is wrong and what may stand there */
export function toFilter(table: TableDefinition, { where = [], match }: FilterInput): Filter {
  return { conditions: where.map((condition, index) => toCondition(table, condition, `where[${index}]`)), match };
}

function toCondition(table: TableDefinition, input: WhereInput, param: string): Condition {
  const column = findColumn(table, input.column, `${param}.column`);
  switch (input.operator) {
    case 'is_empty':
    case 'is_not_empty':
      return { kind: 'empty', column, isEmpty: input.operator === 'is_empty' };
    case 'in':
      return { kind: 'in', column, values: readList(input, param).map((value) => readValue(column, value, `${param}.value`)) };
    case 'contains':
    case 'starts_with':
      return { kind: 'search', operator: input.operator, column, text: readSearchText(column, input, param) };
    default:
      return toComparison(table, column, input, input.operator, param);
  }
}

function toComparison(table: TableDefinition, column: Column, input: WhereInput, operator: Comparison, param: string): Condition {
  if (input.other_column === undefined) {
    return { kind: 'compare', operator, column, value: readValue(column, input.value, `${param}.value`) };
  }
  if (input.value !== undefined) throw invalid('Send either value or other_column, not both.', param);
  const other = findColumn(table, input.other_column, `${param}.other_column`);
  if (other.type === column.type) return { kind: 'compare-columns', operator, column, other };
  throw invalid(`${column.name} is a ${column.type} and ${other.name} a ${other.type} column; only columns of one type compare.`, param);
}

function readList({ value }: WhereInput, param: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw invalid('"in" needs a list as value.', `${param}.value`);
}

function readSearchText(column: Column, { operator, value }: WhereInput, param: string): string {
  if (column.type !== 'text' && column.type !== 'date') {
    throw invalid(`${operator} works on text and date columns, and ${column.name} is a ${column.type} column.`, param);
  }
  if (typeof value === 'string' && value !== '') return value.toWellFormed();
  throw invalid(`${operator} needs a text as value.`, `${param}.value`);
}

function readValue(column: Column, value: unknown, param: string): Cell {
  const cell = toCell(value, column.type);
  if (cell === undefined) throw invalid(`${column.name} is a ${column.type} column. ${HOW_TO_WRITE[column.type]}`, param);
  if (cell === null) throw invalid('A value is missing. For empty cells use the operator is_empty or is_not_empty.', param);
  return cell;
}

function invalid(message: string, param: string): RubotError {
  return new RubotError('invalid_request', message, { param });
}
