import { and, or, type SQL, sql } from 'drizzle-orm';
import { tableRows } from '../../store/schema.ts';
import type { Cell } from './cells.ts';
import type { Comparison, Condition, Filter } from './conditions.ts';
import type { Column } from './definition.ts';
import type { AggregateFunction } from './query-input.ts';
import type { Expression, QueryPlan } from './query-plan.ts';

/**
 * A plan as SQL. What reaches the statement's text is a column's position, an integer of the catalogue, and words
 * from the tables below; everything else is a bound parameter.
 */

export function toWhere({ conditions, match }: Filter): SQL | undefined {
  const parts = conditions.map(toPredicate);
  return match === 'all' ? and(...parts) : or(...parts);
}

export function toExpression(expression: Expression): SQL {
  if (expression.kind === 'cell') return cellOf(expression.column);
  return expression.column === undefined ? sql`count(*)` : AGGREGATES[expression.function](cellOf(expression.column));
}

/** Empty cells come last whichever way it runs. What is equal so far keeps a fixed order, so that pages do not overlap. */
export function toOrder({ orderBy, groupBy, isGrouped }: QueryPlan): readonly SQL[] {
  const wanted = orderBy.map(({ expression, direction }) =>
    direction === 'asc' ? sql`${toExpression(expression)} asc nulls last` : sql`${toExpression(expression)} desc nulls last`,
  );
  return [...wanted, ...(isGrouped ? groupBy.map(cellOf) : [sql`${tableRows.rowId}`])];
}

export function cellOf({ position }: Column): SQL {
  if (!Number.isInteger(position)) throw new TypeError('a column position is an integer');
  return sql`(${tableRows.cells} ->> ${sql.raw(String(position))})`;
}

/** What stands in place of a number that is too large; no cell of a number column holds text. */
export const OVERFLOW = 'overflow';

/** D1 tells an infinity as NULL, and SQLite the difference of two, which is also what the sum of empty cells is. */
function tellingOverflow(cell: SQL, aggregate: SQL): SQL {
  return sql`case when count(${cell}) > 0 then coalesce(nullif(nullif(${aggregate}, 9e999), -9e999), ${sql.raw(`'${OVERFLOW}'`)}) end`;
}

const AGGREGATES: Readonly<Record<AggregateFunction, (cell: SQL) => SQL>> = {
  count: (cell) => sql`count(${cell})`,
  count_distinct: (cell) => sql`count(distinct ${cell})`,
  // As a float: the sum of integers stops with an error when it overflows.
  sum: (cell) => tellingOverflow(cell, sql`sum(${cell} * 1.0)`),
  avg: (cell) => tellingOverflow(cell, sql`avg(${cell})`),
  min: (cell) => sql`min(${cell})`,
  max: (cell) => sql`max(${cell})`,
};

/** `is not`, so that an empty cell is unlike every value, as a person would say. */
const COMPARISONS: Readonly<Record<Comparison, SQL>> = {
  eq: sql`=`,
  ne: sql`is not`,
  lt: sql`<`,
  lte: sql`<=`,
  gt: sql`>`,
  gte: sql`>=`,
};

function toPredicate(condition: Condition): SQL {
  const cell = cellOf(condition.column);
  switch (condition.kind) {
    case 'compare':
      return sql`${cell} ${COMPARISONS[condition.operator]} ${toBound(condition.value)}`;
    case 'compare-columns':
      return sql`${cell} ${COMPARISONS[condition.operator]} ${cellOf(condition.other)}`;
    case 'in':
      return sql`${cell} in (select value from json_each(${JSON.stringify(condition.values)}))`;
    case 'search':
      // Not LIKE: D1 takes patterns of 50 bytes at most, and % and _ would have to be escaped.
      return condition.operator === 'contains'
        ? sql`instr(lower(${cell}), lower(${condition.text})) > 0`
        : sql`instr(lower(${cell}), lower(${condition.text})) = 1`;
    case 'empty':
      return condition.isEmpty ? sql`${cell} is null` : sql`${cell} is not null`;
  }
}

/** SQLite has no booleans: in a cell they are 1 and 0. */
function toBound(value: Cell): Cell {
  return typeof value === 'boolean' ? Number(value) : value;
}
