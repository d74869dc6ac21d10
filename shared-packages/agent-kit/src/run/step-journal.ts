import type { ChatMessage, ToolCall } from '@rubot/contracts/chat-request';
import type { TextStreamPart, ToolSet } from 'ai';
import { type ToolMessage, toErrorMessage, toResultMessage } from './tool-message.ts';

type Part = TextStreamPart<ToolSet>;

/** Collects one step as it streams by, and gives it back as OpenAI messages: the form in which it can be resumed. */
export interface StepJournal {
  add(part: Part): void;
  /** Calls in this step that have no result. */
  openCalls(): readonly ToolCall[];
  /** The step as messages, without the calls that nobody will answer, and an empty journal for the next. */
  take(abandoned: readonly ToolCall[]): readonly ChatMessage[];
}

export function createStepJournal(): StepJournal {
  let text = '';
  let calls: ToolCall[] = [];
  let results: ToolMessage[] = [];

  return {
    add(part) {
      if (part.type === 'text-delta') text += part.text;
      if (part.type === 'tool-call') calls.push(toToolCall(part));
      if (part.type === 'tool-result' && part.preliminary !== true) results.push(toResultMessage(part.toolCallId, part.output));
      if (part.type === 'tool-error') results.push(toErrorMessage(part.toolCallId, part.error));
    },
    openCalls() {
      const answered = new Set(results.map((result) => result.tool_call_id));
      return calls.filter((call) => !answered.has(call.id));
    },
    take(abandoned) {
      const kept = calls.filter((call) => !abandoned.includes(call));
      const assistant: ChatMessage = {
        role: 'assistant',
        content: text === '' ? null : text,
        ...(kept.length === 0 ? {} : { tool_calls: kept }),
      };
      const messages = text === '' && kept.length === 0 ? [] : [assistant, ...results];
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
