import type { CatalogueTable } from './catalogue.ts';
import { type Comparison, readComparisons } from './comparison.ts';
import type { SchemaNode } from './json-schema.ts';
import { findMentions } from './mentions.ts';
import { type Ordering, readOrdering } from './ordering.ts';
import { createQuestion, type Question } from './question.ts';
import { readRowNumber } from './row-number.ts';
import { spell } from './spellings.ts';
import { readGroup, readTotal, type Total } from './totals.ts';
import { type ColumnValues, readValues } from './values.ts';
import { findRun, toStems } from './words.ts';

/** A question as asked of one table. */
export interface Reading {
  readonly table: CatalogueTable;
  readonly comparisons: readonly Comparison[];
  readonly total: Total | undefined;
  readonly group: string | undefined;
  readonly ordering: Ordering;
  readonly mentioned: readonly string[];
  /** Words of the question that found no use: with any of them left, the rest may mean something else. */
  readonly unread: readonly string[];
}

export interface ReadOptions {
  readonly text: string;
  readonly table: CatalogueTable;
  /** Left out before they are looked up. */
  readonly values?: ColumnValues;
}

export function readQuestion({ text, table, values = new Map() }: ReadOptions): Reading {
  const question = createQuestion(text);
  const compared = readComparisons(question, table.columns);
  const total = readTotal(question, table);
  const group = readGroup(question, table, total !== undefined);
  const ordering = total === undefined && group === undefined ? readOrdering(question, table) : {};
  for (const span of question.spansOf(toStems(table.name))) question.read(span);
  const numbered = readRowNumber(question, table, values);
  const comparisons = [...compared, ...(numbered === undefined ? [] : [numbered]), ...readValues(question, table, values)];
  const mentioned = readMentions(question, table, total === undefined && group === undefined ? undefined : comparisons);
  // "How much" asks for a number that is named beside it.
  if (mentioned.length > 0) question.take(/\bhow much\b/);
  return {
    table,
    comparisons,
    total: total ?? (group === undefined ? undefined : { function: 'count' }),
    group: group?.name,
    ordering,
    mentioned,
    unread: toPhrases(question),
  };
}

/** Whether values must be looked up to understand what is left. */
export function needsValues({ text, table }: ReadOptions): boolean {
  return readQuestion({ text, table }).unread.length > 0;
}

/** Columns to show. Where none are shown, a name has a use only beside its condition. */
function readMentions(question: Question, table: CatalogueTable, comparisons: readonly Comparison[] | undefined): readonly string[] {
  const usable = findMentions(question, table.columns).filter(
    ({ column }) => comparisons === undefined || comparisons.some((comparison) => comparison.column === column.name),
  );
  for (const mention of usable) question.read(mention);
  return usable.map(({ column }) => column.name);
}

/** Neighbours together, as a person would quote them. */
function toPhrases(question: Question): readonly string[] {
  const places = question.openWords();
  const starts = places.filter((place) => !places.includes(place - 1));
  return starts.map((from) => {
    let to = from + 1;
    while (places.includes(to)) to += 1;
    return question.quote({ from, to });
  });
}

/** Arguments of `tables_query`. */
export interface DemoQuery {
  readonly table: string;
  readonly columns?: readonly string[];
  readonly where?: readonly Record<string, unknown>[];
  readonly group_by?: readonly string[];
  readonly aggregates?: readonly Record<string, unknown>[];
  readonly order_by?: readonly Record<string, unknown>[];
  readonly limit: number;
}

/** Where a question asks for no number of rows. */
export const ROW_LIMIT = 50;

/** @param wantsWholeRows for answers in a client's own shape, which may have use for any column */
export function toQuery(reading: Reading, schema: SchemaNode, wantsWholeRows: boolean): DemoQuery {
  const { table, comparisons, total, group, ordering } = reading;
  const where = comparisons.map(({ column, operator, right }) => ({ column, operator: spell(schema, 'operator', operator), ...right }));
  const head = { table: table.name, ...(where.length === 0 ? {} : { where }) };
  if (total !== undefined) {
    const aggregates = [{ ...total, function: spell(schema, 'function', total.function) }];
    return { ...head, ...(group === undefined ? {} : { group_by: [group] }), aggregates, limit: ROW_LIMIT };
  }
  const { order, limit = ROW_LIMIT } = ordering;
  return {
    ...head,
    ...(wantsWholeRows ? {} : { columns: chooseColumns(reading) }),
    ...(order === undefined ? {} : { order_by: [{ column: order.column, direction: spell(schema, 'direction', order.direction) }] }),
    limit,
  };
}

const MAX_LABEL_COLUMNS = 3;
const MAX_COLUMNS = 7;
/** What a person calls a row, best first. */
const LABELS = [/name|title|subject/, /sku|code|number/, /product|item|customer|label/];

/** What names a row, then what the question is about; the first columns when it names none. */
function chooseColumns({ table, mentioned, comparisons, ordering }: Reading): readonly string[] {
  const texts = table.columns.filter((column) => column.type === 'text');
  const labels = LABELS.flatMap((label) => texts.filter((column) => label.test(column.name)))
    .slice(0, MAX_LABEL_COLUMNS)
    .map((column) => column.name);
  const compared = comparisons.flatMap(({ column, right }) => ('other_column' in right ? [column, right.other_column] : [column]));
  const tableName = toStems(table.name);
  const asked = mentioned.filter((column) => findRun(tableName, toStems(column)) < 0);
  const chosen = new Set([...labels, ...asked, ...compared, ...(ordering.order === undefined ? [] : [ordering.order.column])]);
  const columns = chosen.size > labels.length ? chosen : new Set([...labels, ...table.columns.map((column) => column.name)]);
  return [...columns].slice(0, MAX_COLUMNS);
}
