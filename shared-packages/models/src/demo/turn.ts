import type { LanguageModelV4CallOptions, LanguageModelV4FunctionTool } from '@ai-sdk/provider';
import { askTables, TABLES_PREFIX } from './ask-tables.ts';
import { type Conversation, readConversation, type ToolOutcome } from './conversation.ts';
import { callTools, type DemoTurn, speak } from './demo-turn.ts';
import { fillSchema, readSchema } from './json-schema.ts';
import { chooseTool, fillArguments } from './offered-tool.ts';
import { planByWords } from './plan.ts';
import { toWords } from './words.ts';

/** Under every answer, so that nobody takes it for the work of a real model. */
export const DEMO_NOTE = '(demo model)';

const GREETING = /^(?:hi|hello|hey|good (?:morning|afternoon|evening)|thanks|thank you|yo)\b/i;

/** Decides by rules alone: the same prompt and tools give the same turn. */
export function takeTurn(options: LanguageModelV4CallOptions): DemoTurn {
  const conversation = readConversation(options.prompt);
  if (conversation.planner !== undefined) return { text: JSON.stringify(planByWords(conversation.planner)) };
  const tools = (options.tools ?? []).filter((tool) => tool.type === 'function');
  const turn = callOfferedTool(conversation, tools, options) ?? reportOutcome(conversation) ?? converse(conversation, tools);
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

/** The answer after a tool that is not a table's: what it gave back. */
function reportOutcome(conversation: Conversation): DemoTurn | undefined {
  const outcome = conversation.freshOutcomes.at(-1);
  if (outcome === undefined || outcome.toolName.startsWith(TABLES_PREFIX)) return undefined;
  return speak(conversation, describeOutcome(outcome));
}

function describeOutcome({ toolName, value, failure }: ToolOutcome): string {
  const name = toWords(toolName).join(' ');
  if (failure !== undefined) return `The tool "${name}" failed: ${failure}`;
  return `The tool "${name}" answered: ${typeof value === 'string' ? value : JSON.stringify(value)}`;
}

function converse(conversation: Conversation, tools: readonly LanguageModelV4FunctionTool[]): DemoTurn {
  if (GREETING.test(conversation.question) && conversation.earlierAnswers.length === 0) {
    return { text: 'Hello! Ask me about your tables, for example which products are below their reorder level.' };
  }
  const hint = 'I follow fixed rules, so I cannot answer that in my own words. Set MODEL_SPECIFIER to a real model for that.';
  return askTables(conversation, tools) ?? speak(conversation, hint);
}

function toJsonText(schema: unknown, text: string): string {
  if (schema === undefined) return JSON.stringify({ answer: text, note: DEMO_NOTE });
  return JSON.stringify(fillSchema(readSchema(schema), () => `${text} ${DEMO_NOTE}`));
}
