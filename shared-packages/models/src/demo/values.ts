import type { CatalogueTable } from './catalogue.ts';
import { recordsAt } from './catalogue.ts';
import type { Comparison } from './comparison.ts';
import type { SchemaNode } from './json-schema.ts';
import { findMentions } from './mentions.ts';
import { isEmptyWord, type Question, type Span } from './question.ts';
import { spell } from './spellings.ts';
import type { ToolBench } from './tool-bench.ts';
import { findRun, readWords, type Word } from './words.ts';

interface Value {
  readonly text: string;
  readonly words: readonly Word[];
}

/** The values that each text column holds. */
export type ColumnValues = ReadonlyMap<string, readonly Value[]>;

/** As many as the tool gives at once. */
const LOOK_UP_LIMIT = 200;
const MAX_LOOKED_UP_COLUMNS = 5;
const MAX_VALUE_WORDS = 12;

/** Asks which values the text columns hold; `undefined` until all of them are known. */
export function lookUpValues(bench: ToolBench, table: CatalogueTable, schema: SchemaNode): ColumnValues | undefined {
  const columns = table.columns.filter((column) => column.type === 'text').slice(0, MAX_LOOKED_UP_COLUMNS);
  const found = columns.map(({ name }) => {
    const query = {
      table: table.name,
      group_by: [name],
      aggregates: [{ function: spell(schema, 'function', 'count') }],
      limit: LOOK_UP_LIMIT,
    };
    return [name, bench.call('tables_query', query)] as const;
  });
  if (found.some(([, outcome]) => outcome === undefined)) return undefined;
  return new Map(found.map(([name, outcome]) => [name, recordsAt(outcome?.value, 'rows').flatMap((row) => toValues(row[name]))]));
}

function toValues(text: unknown): readonly Value[] {
  return typeof text === 'string' ? [{ text, words: readWords(text) }] : [];
}

interface Candidate extends Span {
  readonly comparison: Comparison;
}

/**
 * Conditions that name a value. The longest comes first, and its words are taken: "Harbour Tea Trading" is a supplier
 * and says nothing of the category "Tea".
 */
export function readValues(question: Question, table: CatalogueTable, values: ColumnValues): readonly Comparison[] {
  const comparisons: Comparison[] = [];
  for (;;) {
    const found = findLongest(question, openPlaces(question, table), values, new Set(comparisons.map(({ column }) => column)));
    if (found === undefined) return comparisons;
    question.read(found);
    comparisons.push(found.comparison);
  }
}

/** Where words stand that may be values: no rule has read them, and they name no column. */
function openPlaces(question: Question, table: CatalogueTable): readonly number[] {
  const mentions = findMentions(question, table.columns);
  return question.openWords().filter((place) => mentions.every(({ from, to }) => place < from || place >= to));
}

function findLongest(question: Question, open: readonly number[], values: ColumnValues, taken: ReadonlySet<string>): Candidate | undefined {
  for (let length = Math.min(question.words.length, MAX_VALUE_WORDS); length > 0; length -= 1) {
    for (let from = 0; from + length <= question.words.length; from += 1) {
      const span = { from, to: from + length };
      if (!question.isUnread(span) || !open.some((place) => place >= from && place < span.to)) continue;
      const comparison = compareWith(question, span, values, taken);
      if (comparison !== undefined) return { ...span, comparison };
    }
  }
  return undefined;
}

function compareWith(question: Question, { from, to }: Span, values: ColumnValues, taken: ReadonlySet<string>): Comparison | undefined {
  const words = question.words.slice(from, to);
  const stems = words.map((word) => word.stem);
  const fitting = [...values].flatMap(([column, held]) =>
    held
      .map((value) => ({
        column,
        value,
        at: findRun(
          value.words.map((word) => word.stem),
          stems,
        ),
      }))
      .filter(({ at }) => at >= 0),
  );
  const whole = fitting.filter(({ value }) => value.words.length === words.length);
  const isPart = whole.length === 0;
  // Half of a value is no name of it where words or a bare number merely stand beside it.
  if (isPart && (isEmptyWord(words[0] as Word) || isEmptyWord(words.at(-1) as Word) || /^\d+$/.test(stems.join('')))) return undefined;
  const [first, ...others] = isPart ? fitting : whole;
  // Neither is it where columns are in doubt.
  if (first === undefined || taken.has(first.column) || others.some(({ column }) => column !== first.column)) return undefined;
  if (!isPart) return { column: first.column, operator: 'eq', right: { value: first.value.text } };
  const [start, end] = [first.value.words[first.at]?.start, first.value.words[first.at + words.length - 1]?.end];
  return { column: first.column, operator: 'contains', right: { value: first.value.text.slice(start, end) } };
}
