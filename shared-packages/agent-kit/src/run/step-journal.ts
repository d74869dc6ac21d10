import type { ChatMessage, ToolCall } from '@rubot/contracts/chat-request';
import type { TextStreamPart, ToolSet } from 'ai';

type Part = TextStreamPart<ToolSet>;
type ToolMessage = Extract<ChatMessage, { role: 'tool' }>;

/** Collects one step as it streams by, and gives it back as OpenAI messages: the form in which it can be resumed. */
export interface StepJournal {
  add(part: Part): void;
  /** Calls to the client's tools in this step. */
  clientCalls(clientTools: ReadonlySet<string>): readonly ToolCall[];
  /** The step as messages, and an empty journal for the next. */
  take(): readonly ChatMessage[];
}

export function createStepJournal(): StepJournal {
  let text = '';
  let calls: ToolCall[] = [];
  let results: ToolMessage[] = [];

  return {
    add(part) {
      if (part.type === 'text-delta') text += part.text;
      if (part.type === 'tool-call') calls.push(toToolCall(part));
      if (part.type === 'tool-result' && part.preliminary !== true) results.push(toToolMessage(part.toolCallId, toResultText(part.output)));
      if (part.type === 'tool-error') results.push(toToolMessage(part.toolCallId, `Error: ${toErrorText(part.error)}`));
    },
    clientCalls(clientTools) {
      const answered = new Set(results.map((result) => result.tool_call_id));
      return calls.filter((call) => clientTools.has(call.function.name) && !answered.has(call.id));
    },
    take() {
      const assistant: ChatMessage = {
        role: 'assistant',
        content: text === '' ? null : text,
        ...(calls.length === 0 ? {} : { tool_calls: calls }),
      };
      const messages = text === '' && calls.length === 0 ? [] : [assistant, ...results];
      text = '';
      calls = [];
      results = [];
      return messages;
    },
  };
}

function toToolCall({ toolCallId, toolName, input }: Extract<Part, { type: 'tool-call' }>): ToolCall {
  return {
    id: toolCallId,
    type: 'function',
    function: { name: toolName, arguments: typeof input === 'string' ? input : JSON.stringify(input) },
  };
}

function toToolMessage(toolCallId: string, content: string): ToolMessage {
  return { role: 'tool', tool_call_id: toolCallId, content };
}

function toResultText(output: unknown): string {
  return typeof output === 'string' ? output : (JSON.stringify(output) ?? 'null');
}

function toErrorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
