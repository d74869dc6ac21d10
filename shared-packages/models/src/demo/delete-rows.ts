import type { LanguageModelV4FunctionTool } from '@ai-sdk/provider';
import { recordsAt } from './catalogue.ts';
import type { ToolOutcome } from './conversation.ts';
import { describeRows } from './describe-rows.ts';
import { findReading, type NoReading, type ReadableText, toFailure } from './find-reading.ts';
import { isRecord, readSchema } from './json-schema.ts';
import { type DemoQuery, type Reading, ROW_LIMIT, toQuery } from './read-question.ts';

const DELETE = /^\s*(?:(?:please|can you|could you)\s+)*(?:delete|remove)\b/iu;

export function isDeletion(text: string): boolean {
  return DELETE.test(text);
}

/** Looks which rows are meant, says so, and deletes them. `undefined` while it waits for a tool, or a person. */
export function deleteRows(request: ReadableText, { name, inputSchema }: LanguageModelV4FunctionTool): NoReading | undefined {
  const { bench } = request;
  const reading = findReading({ ...request, text: request.text.replace(DELETE, '').trim() });
  if (reading === undefined || 'text' in reading) return reading;
  if (!isDeletable(reading))
    return { text: `I delete rows by what they hold. Say which ${reading.table.name} you mean, such as by a number or a name.` };
  const query = toQuery(reading, readSchema(inputSchema), false);
  const seen = bench.call('tables_query', query);
  if (seen === undefined) return undefined;
  if (seen.failure !== undefined) return toFailure(seen);
  const { length: rowCount } = recordsAt(seen.value, 'rows');
  if (rowCount === 0) return { text: describeRows(seen) };
  if (isRecord(seen.value) && seen.value['has_more'] === true)
    return { text: `More than ${ROW_LIMIT} rows fit that, which is more than I delete at once. Say which of them you mean.` };
  const deleted = bench.call(name, toDeletion(query, rowCount), `I am going to delete:\n\n${describeRows(seen)}`);
  return deleted === undefined ? undefined : { text: tellOutcome(deleted) };
}

function isDeletable({ comparisons, total, group, ordering }: Reading): boolean {
  return comparisons.length > 0 && total === undefined && group === undefined && ordering.limit === undefined;
}

/** Arguments of the tool: the same conditions, and how many rows they were seen to fit. */
function toDeletion({ table, where = [] }: DemoQuery, rowCount: number): unknown {
  return { table, where, expected_rows: rowCount };
}

/** A result that is no JSON is what a person, or an agent that could ask none, has said instead of running it. */
function tellOutcome({ value, failure }: ToolOutcome): string {
  if (failure !== undefined) return `I deleted nothing: ${failure}`;
  if (!isRecord(value)) return `I deleted nothing. ${String(value)}`;
  return `Deleted: ${String(value['deleted'])} of ${String(value['table'])}.`;
}
