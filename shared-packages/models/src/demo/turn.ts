import type { LanguageModelV4CallOptions, LanguageModelV4FunctionTool } from '@ai-sdk/provider';
import { RubotError } from '@rubot/errors';
import { type Answer, askTables } from './ask-tables.ts';
import { TABLES_PREFIX } from './catalogue.ts';
import { type Conversation, readConversation, type ToolOutcome } from './conversation.ts';
import { fillWithRows, fillWithText } from './fill-answer.ts';
import { readSchema } from './json-schema.ts';
import { chooseTool, fillArguments } from './offered-tool.ts';
import { splitParts } from './parts.ts';
import { planByWords } from './plan.ts';
import { createToolBench, type DemoTurn, type ToolBench } from './tool-bench.ts';
import { toWords } from './words.ts';

/** Under every answer, so that nobody takes it for the work of a real model. */
export const DEMO_NOTE = '(demo model)';

const GREETING = /^(?:hi|hello|hey|good (?:morning|afternoon|evening)|thanks|thank you|yo)\b[^?]*$/i;
const WELCOME = 'Hello! Ask me about your tables, for example which products are below their reorder level.';
const HINT = 'I follow fixed rules, so I cannot answer that in my own words. Set MODEL_SPECIFIER to a real model for that.';
const MAX_PARTS = 5;
const QUERY_TOOL = `${TABLES_PREFIX}query`;
const DELETE_TOOL = `${TABLES_PREFIX}delete_rows`;

/**
 * Decides by rules alone: the same prompt and tools give the same turn.
 *
 * @throws RubotError `invalid_request` when an answer cannot be given in the shape that was asked for
 */
export function takeTurn(options: LanguageModelV4CallOptions): DemoTurn {
  const conversation = readConversation(options.prompt);
  if (conversation.planner !== undefined) return { text: JSON.stringify(planByWords(conversation.planner)) };
  const bench = createToolBench(conversation);
  const { toolChoice } = options;
  const isDone = conversation.freshOutcomes.length > 0 && toolChoice?.type !== 'none';
  const answers = answerParts({
    conversation,
    bench,
    tools: (options.tools ?? []).filter((tool) => tool.type === 'function'),
    choice: isDone ? undefined : toolChoice,
    wantsWholeRows: options.responseFormat?.type === 'json',
  });
  if (bench.calls.length > 0) return toCalls(bench);
  return { text: toText(conversation, answers, options.responseFormat) };
}

function toCalls({ calls, announcements }: ToolBench): DemoTurn {
  return announcements.length === 0 ? { calls } : { calls, said: announcements.join('\n\n') };
}

interface Workplace {
  readonly conversation: Conversation;
  readonly bench: ToolBench;
  readonly tools: readonly LanguageModelV4FunctionTool[];
  /** Without what is done already: a tool that was forced is forced once. */
  readonly choice: LanguageModelV4CallOptions['toolChoice'];
  readonly wantsWholeRows: boolean;
}

/** Each part of the question by itself, so that none is lost behind another. */
function answerParts(workplace: Workplace): readonly Answer[] {
  const { conversation, tools, choice } = workplace;
  const { question, earlierAnswers, freshOutcomes } = conversation;
  const parts = splitParts(question).map(({ text }) => text);
  const isOffered = parts.some((text) => chooseOffered(workplace, text) !== undefined);
  const reported = freshOutcomes.filter(({ toolName }) => !toolName.startsWith(TABLES_PREFIX));
  if (!isOffered && reported.length > 0) return reported.map((outcome) => ({ text: describeOutcome(outcome) }));
  if (choice?.type === 'required' || choice?.type === 'tool') return present([callOffered(workplace, question)]);
  const hasTables = tools.some((tool) => tool.name === QUERY_TOOL);
  if (!isOffered && GREETING.test(question) && earlierAnswers.length === 0) return [{ text: WELCOME }];
  if (!isOffered && !hasTables) return [{ text: HINT }];
  const answers = parts.slice(0, MAX_PARTS).map((_, index) => answerPart(workplace, parts, index));
  const rest = parts.length > MAX_PARTS ? { text: `I read ${MAX_PARTS} questions at once; ask the rest by themselves.` } : undefined;
  return present([...answers, rest]);
}

function present(answers: readonly (Answer | undefined)[]): readonly Answer[] {
  return answers.filter((answer) => answer !== undefined);
}

function answerPart(workplace: Workplace, parts: readonly string[], index: number): Answer | undefined {
  const { conversation, tools, bench, wantsWholeRows } = workplace;
  const text = parts[index] ?? '';
  if (chooseOffered(workplace, text) !== undefined) return callOffered(workplace, text);
  const queryTool = tools.find((tool) => tool.name === QUERY_TOOL);
  if (queryTool === undefined) return { text: `As to "${text}": ${HINT}` };
  const before = conversation.earlierQuestions.flatMap((earlier) => splitParts(earlier)).map((part) => part.text);
  const deleteTool = tools.find((tool) => tool.name === DELETE_TOOL);
  return askTables({ text, earlier: [...before, ...parts.slice(0, index)], bench, queryTool, deleteTool, wantsWholeRows });
}

/** A tool other than those of the tables: the client's, and what an agent brings of its own. */
function chooseOffered({ tools, choice }: Workplace, text: string): LanguageModelV4FunctionTool | undefined {
  const offered = tools.filter((tool) => !tool.name.startsWith(TABLES_PREFIX));
  return chooseTool(text, offered, choice);
}

function callOffered(workplace: Workplace, text: string): Answer | undefined {
  const { conversation, bench, choice } = workplace;
  const tool = chooseOffered(workplace, text);
  if (tool === undefined) return { text: HINT };
  const schema = readSchema(tool.inputSchema);
  // A part may leave to the others what the tool needs to know.
  const own = fillArguments(text, schema);
  const { input, missing } = own.missing.length === 0 ? own : fillArguments(conversation.question, schema);
  const isForced = choice?.type === 'required' || choice?.type === 'tool';
  if (missing.length > 0 && !isForced) return { text: `To use the tool "${tool.name}" I would need to know: ${missing.join(', ')}.` };
  const outcome = bench.call(tool.name, input);
  return outcome === undefined ? undefined : { text: describeOutcome(outcome) };
}

function describeOutcome({ toolName, value, failure }: ToolOutcome): string {
  const name = toWords(toolName).join(' ');
  if (failure !== undefined) return `The tool "${name}" failed: ${failure}`;
  return `The tool "${name}" answered: ${typeof value === 'string' ? value : JSON.stringify(value)}`;
}

function toText(conversation: Conversation, answers: readonly Answer[], format: LanguageModelV4CallOptions['responseFormat']): string {
  const said = [...new Set(answers.map(({ text }) => text))].join('\n\n');
  // What other agents found out belongs beside an answer that builds on it.
  const known = conversation.earlierAnswers.map((answer) => `- ${answer}`).join('\n');
  const text = known === '' ? said : `${said}\n\nWhat is known so far:\n${known}`;
  if (format?.type !== 'json') return `${text}\n\n${DEMO_NOTE}`;
  if (format.schema === undefined) return JSON.stringify({ answer: text, note: DEMO_NOTE });
  return JSON.stringify(fillSchema(format.schema, answers, text));
}

function fillSchema(schema: unknown, answers: readonly Answer[], text: string): unknown {
  const node = readSchema(schema);
  const [answer, ...others] = answers;
  const byRows = answer?.outcome !== undefined && others.length === 0 ? fillWithRows(node, answer.outcome) : undefined;
  const filled = byRows ?? fillWithText(node, `${text} ${DEMO_NOTE}`);
  if (filled !== undefined) return filled;
  throw new RubotError(
    'invalid_request',
    'The demo model has no answer to this question in the shape of response_format. It fills one number from a total, or an array of objects whose properties are named like columns. Ask without response_format to read what it understood, or set MODEL_SPECIFIER to a real model.',
    { param: 'response_format' },
  );
}
