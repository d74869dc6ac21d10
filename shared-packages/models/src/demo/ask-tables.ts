import type { LanguageModelV4FunctionTool } from '@ai-sdk/provider';
import { buildQuery, findTable } from './build-query.ts';
import { type CatalogueTable, readCatalogue } from './catalogue.ts';
import type { Conversation, ToolOutcome } from './conversation.ts';
import { callTools, type DemoToolCall, type DemoTurn, speak } from './demo-turn.ts';
import { describeRows } from './describe-rows.ts';
import { isRecord, readSchema, type SchemaNode } from './json-schema.ts';
import { findOpenWords, findValueConditions, isLookUp, readValues, toLookUps } from './values.ts';

export const TABLES_PREFIX = 'tables_';
const WRITE = /^(?:please )?(?:add|insert|create|import|delete|remove|update|change|set)\b/i;

/** The next turn of a question over tables: list, describe, look values up, query, answer. `undefined` without the tools. */
export function askTables(conversation: Conversation, tools: readonly LanguageModelV4FunctionTool[]): DemoTurn | undefined {
  const queryTool = tools.find((tool) => tool.name === 'tables_query');
  if (queryTool === undefined) return undefined;
  const failed = conversation.freshOutcomes.findLast(
    (outcome) => outcome.toolName.startsWith(TABLES_PREFIX) && outcome.failure !== undefined,
  );
  if (failed !== undefined) return { text: `I could not look that up: ${failed.failure}` };
  const answer = conversation.freshOutcomes.findLast((outcome) => outcome.toolName === 'tables_query' && !isLookUp(outcome));
  if (answer !== undefined) return speak(conversation, describeAnswer(conversation, answer));
  if (WRITE.test(conversation.question)) return { text: 'I only read: adding and changing data is left to real models.' };

  const catalogue = readCatalogue(conversation.outcomes);
  if (catalogue === undefined) return callTools(conversation, [{ toolName: 'tables_list', input: {} }]);
  const table = findTable(conversation.question, catalogue);
  if (table === undefined) return { text: listTables(catalogue.map(({ name }) => name)) };
  if (!table.isDescribed) return callTools(conversation, [{ toolName: 'tables_describe', input: { table: table.name } }]);
  return queryTable(conversation, table, readSchema(queryTool.inputSchema));
}

/** A question that was read as asking for everything, while words of it found no use, may have meant less. */
function describeAnswer({ question, outcomes }: Conversation, answer: ToolOutcome): string {
  const table = readCatalogue(outcomes)?.find(({ name }) => isRecord(answer.input) && answer.input['table'] === name);
  return describeRows(answer, { isDoubtful: table !== undefined && findOpenWords(question, table).length > 0 });
}

function queryTable(conversation: Conversation, table: CatalogueTable, schema: SchemaNode): DemoTurn {
  const { question } = conversation;
  const openWords = findOpenWords(question, table);
  const values = readValues(conversation.outcomes, table);
  const lookUps = openWords.length === 0 ? [] : toLookUps(table, values, schema);
  if (lookUps.length > 0) return callTools(conversation, lookUps.map(toQueryCall));
  const input = buildQuery({ question, table, schema, valueConditions: findValueConditions(question, openWords, values) });
  return callTools(conversation, [toQueryCall(input)]);
}

function toQueryCall(input: unknown): Omit<DemoToolCall, 'toolCallId'> {
  return { toolName: 'tables_query', input };
}

function listTables(names: readonly string[]): string {
  if (names.length === 0) return 'There are no tables yet. Create one from a CSV file, then ask about it.';
  return `There are these tables: ${names.join(', ')}. Ask about one of them by name.`;
}
