import type { LanguageModelV4Prompt, LanguageModelV4ToolResultOutput } from '@ai-sdk/provider';
import { SliceBrief } from '@rubot/contracts/agent';
import { PlannerPrompt } from './planner-prompt.ts';

export interface ToolOutcome {
  readonly toolName: string;
  readonly input: unknown;
  /** The parsed result; `undefined` when the tool failed. */
  readonly value: unknown;
  /** What a failed tool said. */
  readonly failure: string | undefined;
}

/** What the demo model reads out of a prompt. */
export interface Conversation {
  readonly question: string;
  /** What the person asked before, oldest first. */
  readonly earlierQuestions: readonly string[];
  readonly planner: PlannerPrompt | undefined;
  /** Answers of other agents that the question builds on. */
  readonly earlierAnswers: readonly string[];
  /** Every tool outcome so far, oldest first. */
  readonly outcomes: readonly ToolOutcome[];
  /** Those that came after the question. */
  readonly freshOutcomes: readonly ToolOutcome[];
  readonly toolCallCount: number;
}

export function readConversation(prompt: LanguageModelV4Prompt): Conversation {
  const asked = prompt.findLastIndex((message) => message.role === 'user');
  const text = textOf(prompt[asked]);
  const json = parseObject(text);
  const brief = SliceBrief.safeParse(json).data;
  return {
    question: brief?.part ?? text,
    earlierQuestions: prompt
      .slice(0, Math.max(0, asked))
      .map(textOf)
      .filter((said) => said !== ''),
    planner: PlannerPrompt.safeParse(json).data,
    earlierAnswers: brief?.earlier_answers.map(({ agent, answer }) => `${agent}: ${answer}`) ?? [],
    outcomes: readOutcomes(prompt),
    freshOutcomes: readOutcomes(prompt.slice(asked + 1), prompt),
    toolCallCount: prompt.flatMap(callsOf).length,
  };
}

function textOf(message: LanguageModelV4Prompt[number] | undefined): string {
  if (message?.role !== 'user') return '';
  return message.content.map((part) => (part.type === 'text' ? part.text : '')).join(' ');
}

function callsOf(message: LanguageModelV4Prompt[number]): readonly { readonly toolCallId: string; readonly input: unknown }[] {
  return message.role === 'assistant' ? message.content.filter((part) => part.type === 'tool-call') : [];
}

function readOutcomes(messages: LanguageModelV4Prompt, prompt = messages): readonly ToolOutcome[] {
  const inputs = new Map(prompt.flatMap(callsOf).map((call) => [call.toolCallId, call.input]));
  return messages.flatMap((message) =>
    message.role !== 'tool'
      ? []
      : message.content
          .filter((part) => part.type === 'tool-result')
          .map((part) => ({ toolName: part.toolName, input: inputs.get(part.toolCallId), ...readOutput(part.output) })),
  );
}

function readOutput(output: LanguageModelV4ToolResultOutput): Pick<ToolOutcome, 'value' | 'failure'> {
  switch (output.type) {
    case 'json':
      return { value: output.value, failure: undefined };
    case 'text':
      return readText(output.value);
    case 'error-text':
      return { value: undefined, failure: withoutPrefix(output.value) };
    default:
      return { value: undefined, failure: JSON.stringify(output) };
  }
}

/** A result that went over the wire is text; a failed one begins as agents write it. */
function readText(text: string): Pick<ToolOutcome, 'value' | 'failure'> {
  if (text.startsWith(ERROR_PREFIX)) return { value: undefined, failure: withoutPrefix(text) };
  try {
    return { value: JSON.parse(text), failure: undefined };
  } catch {
    return { value: text, failure: undefined };
  }
}

const ERROR_PREFIX = 'Error: ';

function withoutPrefix(text: string): string {
  return text.startsWith(ERROR_PREFIX) ? text.slice(ERROR_PREFIX.length) : text;
}

function parseObject(text: string): unknown {
  if (!text.trimStart().startsWith('{')) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
