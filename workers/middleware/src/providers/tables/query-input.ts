import { z } from 'zod';
import { DEFAULT_QUERY_ROWS, MAX_COLUMNS, MAX_QUERY_ROWS, MAX_ROWS_PER_TABLE } from './limits.ts';

/** Longer than a name can be, so that a wrong name gets the error that lists the right ones. */
export const RequestedName = z.string().min(1).max(200);

const Scalar = z.union([z.string(), z.number(), z.boolean()]);

export const OPERATORS = ['eq', 'ne', 'lt', 'lte', 'gt', 'gte', 'in', 'contains', 'starts_with', 'is_empty', 'is_not_empty'] as const;

export const WhereInput = z.strictObject({
  column: RequestedName,
  operator: z
    .enum(OPERATORS)
    .describe('An empty cell fits only is_empty and ne. contains and starts_with ignore the case of the letters a to z; eq does not.'),
  value: z
    .union([Scalar, z.array(Scalar).min(1).max(200)])
    .optional()
    .describe('What to compare with; a list for "in". Dates are ISO text.'),
  other_column: RequestedName.optional().describe('Compare with this column of the same row instead of a value.'),
});
export type WhereInput = z.infer<typeof WhereInput>;

export const Where = z.array(WhereInput).max(20);
export const Match = z.enum(['all', 'any']).default('all').describe('Whether a row must fit all conditions or any one of them.');

export interface FilterInput {
  readonly where?: readonly WhereInput[] | undefined;
  readonly match: 'all' | 'any';
}

export const AGGREGATE_FUNCTIONS = ['count', 'count_distinct', 'sum', 'avg', 'min', 'max'] as const;
export type AggregateFunction = (typeof AGGREGATE_FUNCTIONS)[number];

export const AggregateInput = z.strictObject({
  function: z.enum(AGGREGATE_FUNCTIONS),
  column: RequestedName.optional().describe('Left out only with count, which then counts rows.'),
  as: RequestedName.optional().describe('Name in the result; by default such as sum_quantity.'),
});
export type AggregateInput = z.infer<typeof AggregateInput>;

const OrderInput = z.strictObject({
  column: RequestedName.describe('A column, or the name of an aggregate.'),
  direction: z.enum(['asc', 'desc']).default('asc'),
});

export const QueryInput = z.strictObject({
  table: RequestedName,
  columns: z.array(RequestedName).min(1).max(MAX_COLUMNS).optional().describe('The columns to return; all of them by default.'),
  where: Where.optional(),
  match: Match,
  group_by: z.array(RequestedName).min(1).max(8).optional(),
  aggregates: z.array(AggregateInput).min(1).max(10).optional(),
  order_by: z.array(OrderInput).min(1).max(5).optional(),
  limit: z.number().int().min(1).max(MAX_QUERY_ROWS).default(DEFAULT_QUERY_ROWS),
  offset: z.number().int().min(0).max(MAX_ROWS_PER_TABLE).default(0),
});
export type QueryInput = z.infer<typeof QueryInput>;
