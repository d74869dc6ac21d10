import type { CatalogueTable } from './catalogue.ts';
import { recordsAt } from './catalogue.ts';
import type { Comparison } from './comparison.ts';
import type { ToolOutcome } from './conversation.ts';
import { isRecord, type SchemaNode } from './json-schema.ts';
import { spell } from './spellings.ts';
import { findName, toKeywords, toStems } from './words.ts';

/** The values that each text column holds. */
export type ColumnValues = ReadonlyMap<string, readonly string[]>;

/** As many as the tool gives at once; no other query asks for this many, which tells look-ups apart. */
const LOOK_UP_LIMIT = 200;
const MAX_LOOKED_UP_COLUMNS = 5;

/** Words that mean something to the other rules, or nothing at all. */
const RULE_WORDS = toKeywords(
  'below under above over less fewer lower smaller more greater higher larger bigger than before after earlier later least most equal exactly exceed between ' +
    'how many much number count total sum average mean per by each every group sort sorted order ordered ascending descending top first bottom highest largest biggest latest newest lowest smallest cheap cheapest expensive oldest earliest cost price ' +
    'all any give get find see tell want need look up left still now currently only also row entry table data out stock sold place make made buy bought sell there here many please',
);

/** Literals of a comparison, which need no looking up. */
const QUOTED = /["“][^"”]*["”]/g;

/** Words of a question that no other rule has a use for: they may be values of a column. */
export function findOpenWords(question: string, table: CatalogueTable): readonly string[] {
  const known = new Set([...toStems(table.name), ...table.columns.flatMap((column) => toStems(column.name))]);
  return [...toKeywords(question.replaceAll(QUOTED, ''))].filter(
    (word) => !/^\d+$/.test(word) && !known.has(word) && !RULE_WORDS.has(word),
  );
}

/** Queries that ask which values the text columns hold; none when the conversation knows them. */
export function toLookUps(table: CatalogueTable, values: ColumnValues, schema: SchemaNode): readonly Record<string, unknown>[] {
  return table.columns
    .filter((column) => column.type === 'text')
    .slice(0, MAX_LOOKED_UP_COLUMNS)
    .filter((column) => !values.has(column.name))
    .map((column) => ({
      table: table.name,
      group_by: [column.name],
      aggregates: [{ function: spell(schema, 'function', 'count') }],
      limit: LOOK_UP_LIMIT,
    }));
}

export function isLookUp({ input }: ToolOutcome): boolean {
  return isRecord(input) && input['limit'] === LOOK_UP_LIMIT;
}

export function readValues(outcomes: readonly ToolOutcome[], table: CatalogueTable): ColumnValues {
  const values = new Map<string, readonly string[]>();
  for (const outcome of outcomes.filter(isLookUp)) {
    const { table: name, group_by: columns } = outcome.input as Record<string, unknown>;
    const column = Array.isArray(columns) ? String(columns[0]) : '';
    if (name === table.name)
      values.set(
        column,
        recordsAt(outcome.value, 'rows').flatMap((row) => (typeof row[column] === 'string' ? [row[column]] : [])),
      );
  }
  return values;
}

/** Conditions that name a value: in full where the question does, else by a word that stands in one. */
export function findValueConditions(question: string, openWords: readonly string[], values: ColumnValues): readonly Comparison[] {
  const stems = toStems(question);
  const taken = new Set<string>();
  const conditions: Comparison[] = [];
  for (const [column, held] of values) {
    const named = held.filter((value) => findName(stems, value) >= 0 && toStems(value).some((word) => openWords.includes(word)));
    const longest = named.sort((left, right) => right.length - left.length)[0];
    if (longest === undefined || toStems(longest).every((word) => taken.has(word))) continue;
    for (const word of toStems(longest)) taken.add(word);
    conditions.push({ column, operator: 'eq', right: { value: longest } });
  }
  for (const word of openWords.filter((open) => !taken.has(open))) {
    const column = [...values].find(([, held]) => held.some((value) => toStems(value).includes(word)))?.[0];
    if (column !== undefined && conditions.every((condition) => condition.column !== column))
      conditions.push({ column, operator: 'contains', right: { value: word } });
  }
  return conditions;
}
