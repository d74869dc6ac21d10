import type { LanguageModelV4FunctionTool } from '@ai-sdk/provider';
import { type CatalogueTable, readCatalogue, readDescription } from './catalogue.ts';
import type { ToolOutcome } from './conversation.ts';
import { findLikelyTables, findNamedTables } from './find-tables.ts';
import { readSchema, type SchemaNode } from './json-schema.ts';
import { joinQuestions, pointsBack } from './parts.ts';
import { needsValues, type Reading, readQuestion } from './read-question.ts';
import type { ToolBench } from './tool-bench.ts';
import { lookUpValues } from './values.ts';
import { toWords } from './words.ts';

/** Why there is no reading, in words. */
export interface NoReading {
  readonly text: string;
}

export interface ReadableText {
  readonly text: string;
  /** What was asked before, oldest first. */
  readonly earlier: readonly string[];
  readonly bench: ToolBench;
  readonly queryTool: LanguageModelV4FunctionTool;
}

const MAX_CANDIDATES = 3;
const MAX_CHARACTERS = 600;

/**
 * What a text asks of one table, in which every word of it has found its use: lists, describes, looks values up.
 * `undefined` while it waits for a tool.
 */
export function findReading({ text: asked, earlier, bench, queryTool }: ReadableText): Reading | NoReading | undefined {
  if (asked.length > MAX_CHARACTERS) return { text: `I read questions of up to ${MAX_CHARACTERS} characters. Ask in fewer words.` };
  const listing = bench.call('tables_list', {});
  if (listing === undefined) return undefined;
  if (listing.failure !== undefined) return toFailure(listing);
  const tables = readCatalogue(listing.value);
  const text = completeText([...earlier, asked], tables);
  const named = findNamedTables(text, tables);
  if (named.length > 1) return { text: `"${text}" speaks of ${listNames(named)}. I read one table at a time: ask about each by itself.` };
  const candidates = named.length > 0 ? named : findLikelyTables(text, tables).slice(0, MAX_CANDIDATES);
  if (candidates.length === 0) return { text: listTables(text, tables) };
  const readings = readAll(text, candidates, bench, readSchema(queryTool.inputSchema));
  return readings === undefined || 'text' in readings ? readings : chooseReading(text, readings);
}

export function toFailure({ failure }: ToolOutcome): NoReading {
  return { text: `I could not look that up: ${failure}` };
}

/** With the question before it, as far as it speaks of that. */
function completeText(texts: readonly string[], tables: readonly CatalogueTable[]): string {
  const text = texts.at(-1) ?? '';
  const earlier = texts.slice(0, -1);
  if (earlier.length === 0 || !pointsBack(text, findNamedTables(text, tables).length > 0)) return text;
  return joinQuestions(completeText(earlier, tables), text);
}

function readAll(
  text: string,
  candidates: readonly CatalogueTable[],
  bench: ToolBench,
  schema: SchemaNode,
): readonly Reading[] | NoReading | undefined {
  const descriptions = candidates.map(({ name }) => bench.call('tables_describe', { table: name }));
  const failed = descriptions.find((outcome) => outcome?.failure !== undefined);
  if (failed !== undefined) return toFailure(failed);
  if (descriptions.includes(undefined)) return undefined;
  const tables = candidates.map(({ name }, index) => ({ name, columns: readDescription(descriptions[index]?.value) }));
  const readings = tables.map((table) => {
    if (!needsValues({ text, table })) return readQuestion({ text, table });
    const values = lookUpValues(bench, table, schema);
    return values === undefined ? undefined : readQuestion({ text, table, values });
  });
  const known = readings.filter((reading) => reading !== undefined);
  return known.length < readings.length ? undefined : known;
}

function chooseReading(text: string, readings: readonly Reading[]): Reading | NoReading {
  const [reading, ...others] = readings.filter(({ unread }) => unread.length === 0);
  if (reading === undefined) return { text: tellUnread(text, readings) };
  if (others.length === 0) return reading;
  const tables = [reading, ...others].map(({ table }) => table);
  return { text: `"${text}" fits ${listNames(tables)}. Ask again and name the one that you mean.` };
}

function tellUnread(text: string, readings: readonly Reading[]): string {
  const [closest] = [...readings].sort((left, right) => left.unread.length - right.unread.length);
  const words = (closest?.unread ?? []).map((phrase) => `"${phrase}"`).join(', ');
  const columns = readings.map(({ table }) => `${table.name} (${table.columns.map(({ name }) => toWords(name).join(' ')).join(', ')})`);
  return `I did not understand ${words} in "${text}", so I give no answer rather than a wrong one. I can filter by values and comparisons, count, total, average, group by a column, sort, and show the first few of ${columns.join(' or ')}.`;
}

function listTables(text: string, tables: readonly CatalogueTable[]): string {
  if (tables.length === 0) return 'There are no tables yet. Create one from a CSV file, then ask about it.';
  return `I cannot answer "${text}". There are these tables: ${tables.map(({ name }) => name).join(', ')}. Ask about one of them by name.`;
}

function listNames(tables: readonly CatalogueTable[]): string {
  return `the tables ${tables.map(({ name }) => name).join(' and ')}`;
}
