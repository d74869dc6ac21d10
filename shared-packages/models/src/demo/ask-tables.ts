import type { LanguageModelV4FunctionTool } from '@ai-sdk/provider';
import type { ToolOutcome } from './conversation.ts';
import { deleteRows, isDeletion } from './delete-rows.ts';
import { describeRows } from './describe-rows.ts';
import { findReading, type ReadableText, toFailure } from './find-reading.ts';
import { readSchema } from './json-schema.ts';
import { toQuery } from './read-question.ts';

export interface Answer {
  readonly text: string;
  /** The query that it tells of; without one, it tells that there is no answer. */
  readonly outcome?: ToolOutcome;
}

export interface TableQuestion extends ReadableText {
  readonly deleteTool: LanguageModelV4FunctionTool | undefined;
  /** For answers in a client's own shape, which may have use for any column. */
  readonly wantsWholeRows: boolean;
}

const WRITE = /^(?:please )?(?:add|insert|create|import|delete|remove|update|change|set)\b/i;

/** Queries, or deletes, and answers from what came back. `undefined` while it waits for a tool. */
export function askTables(question: TableQuestion): Answer | undefined {
  const { text, bench, queryTool, deleteTool, wantsWholeRows } = question;
  // An answer in another shape has no words to say what was deleted.
  if (deleteTool !== undefined && !wantsWholeRows && isDeletion(text)) return deleteRows(question, deleteTool);
  if (WRITE.test(text))
    return { text: `Adding and changing data is left to real models: I only read${deleteTool === undefined ? '' : ', and delete rows'}.` };
  const reading = findReading(question);
  if (reading === undefined || 'text' in reading) return reading;
  const outcome = bench.call('tables_query', toQuery(reading, readSchema(queryTool.inputSchema), wantsWholeRows));
  if (outcome === undefined) return undefined;
  return outcome.failure === undefined ? { text: describeRows(outcome), outcome } : toFailure(outcome);
}
