import type { CatalogueColumn, CatalogueTable } from './catalogue.ts';
import { type Comparison, findComparison, findMentioned, guessNumber, PRICE } from './comparison.ts';
import type { SchemaNode } from './json-schema.ts';
import { spell } from './spellings.ts';
import { countShared, findName, toKeywords, toStems } from './words.ts';

/** Arguments of `tables_query`, with the part that the answer puts into words. */
export interface DemoQuery {
  readonly table: string;
  readonly columns?: readonly string[];
  readonly where?: readonly Record<string, unknown>[];
  readonly group_by?: readonly string[];
  readonly aggregates?: readonly Record<string, unknown>[];
  readonly order_by?: readonly Record<string, unknown>[];
  readonly limit: number;
}

const ROW_LIMIT = 50;
const MAX_LABEL_COLUMNS = 3;
const MAX_COLUMNS = 6;
/** What a person calls a row, best first. */
const LABELS = [/name|title|subject/, /sku|code|number/, /product|item|customer|label/];

type AggregateFunction = 'count' | 'sum' | 'avg';

/** The table that a question is most likely about; `undefined` when no word of it fits any. */
export function findTable(question: string, tables: readonly CatalogueTable[]): CatalogueTable | undefined {
  const wanted = toKeywords(question);
  const scored = tables.map((table) => ({
    table,
    score:
      2 * countShared(wanted, toKeywords(table.name)) +
      countShared(wanted, toKeywords(table.columns.map((column) => column.name).join(' '))),
  }));
  const best = scored.reduce<(typeof scored)[number] | undefined>(
    (left, right) => (left === undefined || right.score > left.score ? right : left),
    undefined,
  );
  return best === undefined || best.score === 0 ? undefined : best.table;
}

export interface BuildQueryOptions {
  readonly question: string;
  readonly table: CatalogueTable;
  readonly schema: SchemaNode;
  /** Conditions that name a value of a column. */
  readonly valueConditions: readonly Comparison[];
}

export function buildQuery({ question, table, schema, valueConditions }: BuildQueryOptions): DemoQuery {
  const comparison = findComparison(question, table);
  const conditions = [
    ...(comparison === undefined ? [] : [comparison]),
    ...valueConditions.filter(({ column }) => column !== comparison?.column),
  ];
  const where = conditions.length === 0 ? {} : { where: conditions.map((condition) => toCondition(condition, schema)) };
  const aggregate = findAggregate(question, table);
  if (aggregate !== undefined) {
    const group = findGroup(question, table);
    const { column } = aggregate;
    return {
      table: table.name,
      ...where,
      ...(group === undefined ? {} : { group_by: [group.name] }),
      aggregates: [{ function: spell(schema, 'function', aggregate.function), ...(column === undefined ? {} : { column }) }],
      limit: ROW_LIMIT,
    };
  }
  const order = findOrder(question, table);
  return {
    table: table.name,
    columns: chooseColumns(question, table, conditions, order?.column),
    ...where,
    ...(order === undefined ? {} : { order_by: [{ column: order.column, direction: spell(schema, 'direction', order.direction) }] }),
    limit: order?.limit ?? ROW_LIMIT,
  };
}

function toCondition({ column, operator, right }: Comparison, schema: SchemaNode): Record<string, unknown> {
  return { column, operator: spell(schema, 'operator', operator), ...right };
}

function findAggregate(question: string, table: CatalogueTable): { function: AggregateFunction; column?: string } | undefined {
  const numeric = table.columns.filter((column) => column.type === 'number');
  const patterns: readonly (readonly [RegExp, AggregateFunction])[] = [
    [/\b(?:average|mean)\b/i, 'avg'],
    [/\b(?:total|sum)\b/i, 'sum'],
  ];
  for (const [pattern, name] of patterns) {
    const found = pattern.exec(question);
    const column =
      found === null
        ? undefined
        : (findMentioned(question.slice(found.index + found[0].length), numeric)[0] ?? findMentioned(question, numeric)[0]);
    if (column !== undefined) return { function: name, column: column.name };
  }
  return /\b(?:how many|number of|count)\b/i.test(question) ? { function: 'count' } : undefined;
}

function findGroup(question: string, table: CatalogueTable): CatalogueColumn | undefined {
  const found = /\b(?:per|by|for each|in each|grouped by)\b(.*)$/i.exec(question);
  return found === null ? undefined : findMentioned(found[1] ?? '', table.columns)[0];
}

interface Order {
  readonly column: string;
  readonly direction: 'asc' | 'desc';
  readonly limit: number | undefined;
}

function findOrder(question: string, table: CatalogueTable): Order | undefined {
  const sorted = /\b(?:sorted|ordered|order|sort) by\b(.*)$/i.exec(question);
  const top = /\b(top|first|bottom) (\d+)\b/i.exec(question);
  const extreme =
    /(?<!\bat )\b(highest|largest|biggest|most|latest|newest|lowest|smallest|cheapest|priciest|least|oldest|earliest)\b/i.exec(question);
  if (sorted === null && top === null && extreme === null) return undefined;
  const numeric = table.columns.filter((column) => column.type === 'number' || column.type === 'date');
  const column =
    (sorted === null ? undefined : findMentioned(sorted[1] ?? '', table.columns)[0]) ??
    findMentioned(question, numeric)[0] ??
    guessPrice(question, numeric);
  if (column === undefined) return undefined;
  const isAscending =
    /(?<!\bat )\b(?:lowest|smallest|cheapest|least|oldest|earliest|bottom|ascending)\b/i.test(question) ||
    (sorted !== null && !/\bdesc/i.test(question));
  const limit = top === null ? (sorted === null ? 1 : undefined) : Number(top[2]);
  return {
    column: column.name,
    direction: isAscending ? 'asc' : 'desc',
    limit: limit === undefined ? undefined : Math.min(limit, ROW_LIMIT),
  };
}

function guessPrice(question: string, numeric: readonly CatalogueColumn[]): CatalogueColumn | undefined {
  return /\b(?:cheap|expensive|pric)/i.test(question) ? guessNumber(numeric, PRICE, 'number') : undefined;
}

/** What names a row, then what the question is about; the first columns when it names none. */
function chooseColumns(
  question: string,
  table: CatalogueTable,
  conditions: readonly Comparison[],
  order: string | undefined,
): readonly string[] {
  const texts = table.columns.filter((column) => column.type === 'text');
  const labels = LABELS.flatMap((label) => texts.filter((column) => label.test(column.name)))
    .slice(0, MAX_LABEL_COLUMNS)
    .map((column) => column.name);
  const tableName = toStems(table.name);
  const mentioned = findMentioned(question, table.columns).filter((column) => findName(tableName, column.name) < 0);
  const compared = conditions.flatMap(({ column, right }) => ('other_column' in right ? [column, right.other_column] : [column]));
  const chosen = new Set([...labels, ...mentioned.map((column) => column.name), ...compared, ...(order === undefined ? [] : [order])]);
  const columns = chosen.size > labels.length ? chosen : new Set([...labels, ...table.columns.map((column) => column.name)]);
  return [...columns].slice(0, MAX_COLUMNS);
}
