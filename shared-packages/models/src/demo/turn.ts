import type { LanguageModelV4CallOptions, LanguageModelV4FunctionTool } from '@ai-sdk/provider';
import { buildQuery, findTable } from './build-query.ts';
import { readCatalogue } from './catalogue.ts';
import { type Conversation, readConversation, type ToolOutcome } from './conversation.ts';
import { describeRows } from './describe-rows.ts';
import { fillSchema, readSchema } from './json-schema.ts';
import { chooseTool, fillArguments } from './offered-tool.ts';
import { planByWords } from './plan.ts';
import { toWords } from './words.ts';

export interface DemoToolCall {
  readonly toolCallId: string;
  readonly toolName: string;
  readonly input: unknown;
}

/** What the demo model does next: it speaks, or it calls tools. */
export type DemoTurn = { readonly text: string } | { readonly calls: readonly DemoToolCall[] };

/** Under every answer, so that nobody takes it for the work of a real model. */
export const DEMO_NOTE = '(demo model)';

const GREETING = /^(?:hi|hello|hey|good (?:morning|afternoon|evening)|thanks|thank you|yo)\b/i;
const TABLES_PREFIX = 'tables_';

/** Decides by rules alone: the same prompt and tools give the same turn. */
export function takeTurn(options: LanguageModelV4CallOptions): DemoTurn {
  const conversation = readConversation(options.prompt);
  if (conversation.planner !== undefined) return { text: JSON.stringify(planByWords(conversation.planner)) };
  const tools = (options.tools ?? []).filter((tool) => tool.type === 'function');
  const turn = callOfferedTool(conversation, tools, options) ??
    askTables(conversation, tools) ??
    reportOutcome(conversation) ?? { text: converse(conversation) };
  if ('calls' in turn) return turn;
  return {
    text: options.responseFormat?.type === 'json' ? toJsonText(options.responseFormat.schema, turn.text) : `${turn.text}\n\n${DEMO_NOTE}`,
  };
}

/** Tools other than those of the tables: the client's, and what an agent brings of its own. */
function callOfferedTool(
  conversation: Conversation,
  tools: readonly LanguageModelV4FunctionTool[],
  options: LanguageModelV4CallOptions,
): DemoTurn | undefined {
  const used = new Set(conversation.freshOutcomes.map((outcome) => outcome.toolName));
  const offered = tools.filter((tool) => !tool.name.startsWith(TABLES_PREFIX) && !used.has(tool.name));
  const tool = chooseTool(conversation.question, offered, options.toolChoice);
  if (tool === undefined) return undefined;
  return callTools(conversation, [{ toolName: tool.name, input: fillArguments(conversation.question, readSchema(tool.inputSchema)) }]);
}

function askTables(conversation: Conversation, tools: readonly LanguageModelV4FunctionTool[]): DemoTurn | undefined {
  const queryTool = tools.find((tool) => tool.name === 'tables_query');
  if (queryTool === undefined || GREETING.test(conversation.question)) return undefined;
  const failed = conversation.freshOutcomes.findLast(
    (outcome) => outcome.toolName.startsWith(TABLES_PREFIX) && outcome.failure !== undefined,
  );
  if (failed !== undefined) return { text: `I could not look that up: ${failed.failure}` };
  const answer = conversation.freshOutcomes.findLast((outcome) => outcome.toolName === 'tables_query');
  if (answer !== undefined) return { text: withEarlierAnswers(conversation, describeRows(answer)) };

  const catalogue = readCatalogue(conversation.outcomes);
  if (catalogue === undefined) return callTools(conversation, [{ toolName: 'tables_list', input: {} }]);
  const table = findTable(conversation.question, catalogue);
  if (table === undefined) return { text: listTables(catalogue.map(({ name }) => name)) };
  if (!table.isDescribed) return callTools(conversation, [{ toolName: 'tables_describe', input: { table: table.name } }]);
  const input = buildQuery(conversation.question, table, readSchema(queryTool.inputSchema));
  return callTools(conversation, [{ toolName: 'tables_query', input }]);
}

function listTables(names: readonly string[]): string {
  if (names.length === 0) return 'There are no tables yet. Create one from a CSV file, then ask about it.';
  return `I found nothing about that in the tables. There are: ${names.join(', ')}. Ask about one of them by name.`;
}

/** The answer after a tool that is not a table's: what it gave back. */
function reportOutcome(conversation: Conversation): DemoTurn | undefined {
  const outcome = conversation.freshOutcomes.at(-1);
  if (outcome === undefined) return undefined;
  return { text: withEarlierAnswers(conversation, describeOutcome(outcome)) };
}

function describeOutcome({ toolName, value, failure }: ToolOutcome): string {
  const name = toWords(toolName).join(' ');
  if (failure !== undefined) return `The tool "${name}" failed: ${failure}`;
  return `The tool "${name}" answered: ${typeof value === 'string' ? value : JSON.stringify(value)}`;
}

function converse(conversation: Conversation): string {
  if (GREETING.test(conversation.question) && conversation.earlierAnswers.length === 0) {
    return 'Hello! Ask me about your tables, for example which products are below their reorder level.';
  }
  const hint = 'I follow fixed rules, so I cannot answer that in my own words. Set MODEL_SPECIFIER to a real model for that.';
  return withEarlierAnswers(conversation, hint);
}

function withEarlierAnswers({ earlierAnswers }: Conversation, text: string): string {
  return earlierAnswers.length === 0
    ? text
    : `${text}\n\nWhat is known so far:\n${earlierAnswers.map((answer) => `- ${answer}`).join('\n')}`;
}

function toJsonText(schema: unknown, text: string): string {
  if (schema === undefined) return JSON.stringify({ answer: text, note: DEMO_NOTE });
  return JSON.stringify(fillSchema(readSchema(schema), () => `${text} ${DEMO_NOTE}`));
}

/** Counted over the whole conversation, so that no id comes twice. */
function callTools(conversation: Conversation, calls: readonly Omit<DemoToolCall, 'toolCallId'>[]): DemoTurn {
  return { calls: calls.map((call, index) => ({ toolCallId: `call_demo_${conversation.toolCallCount + index}`, ...call })) };
}
