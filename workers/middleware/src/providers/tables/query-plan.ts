import { RubotError } from '@rubot/errors';
import type { Cell, ColumnType } from './cells.ts';
import { type Filter, toFilter } from './conditions.ts';
import { type Column, findColumn, type TableDefinition } from './definition.ts';
import { toName } from './names.ts';
import type { AggregateFunction, AggregateInput, QueryInput } from './query-input.ts';

/** Something that a query computes for a row or a group. */
export type Expression =
  | { readonly kind: 'cell'; readonly column: Column }
  | { readonly kind: 'aggregate'; readonly function: AggregateFunction; readonly column: Column | undefined };

export interface Field {
  readonly name: string;
  readonly type: ColumnType;
  readonly expression: Expression;
}

/** A query in which every name has been found in the catalogue and every value fits its column. */
export interface QueryPlan extends Filter {
  readonly fields: readonly Field[];
  readonly isGrouped: boolean;
  readonly groupBy: readonly Column[];
  readonly orderBy: readonly { readonly expression: Expression; readonly direction: 'asc' | 'desc' }[];
  readonly limit: number;
  readonly offset: number;
}

/** @throws RubotError `invalid_request` that says which part is wrong and what may stand there */
export function planQuery(table: TableDefinition, input: QueryInput): QueryPlan {
  const groupBy = (input.group_by ?? []).map((name, index) => findColumn(table, name, `group_by[${index}]`));
  const aggregates = (input.aggregates ?? []).map((aggregate, index) => toAggregateField(table, aggregate, `aggregates[${index}]`));
  const isGrouped = groupBy.length > 0 || aggregates.length > 0;
  const columns = (input.columns ?? []).map((name, index) => findColumn(table, name, `columns[${index}]`));
  if (isGrouped) assertInGroups(columns, groupBy);
  const shown = isGrouped ? groupBy : columns.length > 0 ? columns : table.columns;
  const fields = [...unique(shown).map(toCellField), ...aggregates];
  assertNamesDiffer(fields);
  return {
    fields,
    ...toFilter(table, input),
    isGrouped,
    groupBy,
    orderBy: (input.order_by ?? []).map(({ column, direction }, index) => ({
      expression: isGrouped
        ? findField(fields, column, `order_by[${index}].column`)
        : toCellExpression(table, column, `order_by[${index}].column`),
      direction,
    })),
    limit: input.limit,
    offset: input.offset,
  };
}

function toAggregateField(table: TableDefinition, input: AggregateInput, param: string): Field {
  const column = input.column === undefined ? undefined : findColumn(table, input.column, `${param}.column`);
  if (column === undefined && input.function !== 'count') throw invalid(`${input.function} needs a column.`, `${param}.column`);
  const isArithmetic = input.function === 'sum' || input.function === 'avg';
  if (isArithmetic && column?.type !== 'number') {
    throw invalid(`${input.function} works on a number column, and ${column?.name} is a ${column?.type} column.`, `${param}.column`);
  }
  const defaultName = column === undefined ? input.function : `${input.function}_${column.name}`;
  const name = toName(input.as ?? defaultName.slice(0, 64));
  if (name === undefined) throw invalid('as must hold 1 to 64 letters or digits.', `${param}.as`);
  const keepsType = input.function === 'min' || input.function === 'max';
  return {
    name,
    type: keepsType && column !== undefined ? column.type : 'number',
    expression: { kind: 'aggregate', function: input.function, column },
  };
}

function toCellField(column: Column): Field {
  return { name: column.name, type: column.type, expression: { kind: 'cell', column } };
}

function toCellExpression(table: TableDefinition, name: string, param: string): Expression {
  return { kind: 'cell', column: findColumn(table, name, param) };
}

function findField(fields: readonly Field[], requestedName: string, param: string): Expression {
  const name = toName(requestedName);
  const field = fields.find((candidate) => candidate.name === name);
  if (field !== undefined) return field.expression;
  throw invalid(
    `A query with groups or aggregates is ordered by one of its own columns: ${fields.map((known) => known.name).join(', ')}.`,
    param,
  );
}

function assertInGroups(columns: readonly Column[], groupBy: readonly Column[]): void {
  if (columns.every((column) => groupBy.includes(column))) return;
  throw invalid('With group_by or aggregates, columns may only name columns of group_by. Leave columns out.', 'columns');
}

function assertNamesDiffer(fields: readonly Field[]): void {
  if (new Set(fields.map((field) => field.name)).size === fields.length) return;
  throw invalid('Two columns of the result have the same name. Give the aggregates names of their own with as.', 'aggregates');
}

function unique(columns: readonly Column[]): readonly Column[] {
  return [...new Set(columns)];
}

function invalid(message: string, param: string): RubotError {
  return new RubotError('invalid_request', message, { param });
}

/** What a query gives a model to read. */
export type ResultRow = Readonly<Record<string, Cell>>;
