import type { ChatMessage, ChatRequest } from '@rubot/contracts/chat-request';
import type { ModelMessage } from 'ai';
import type { ImageHosts } from './image-url.ts';
import { readText, toAssistantContent, toUserContent } from './message-content.ts';
import type { ToolMessage } from './tool-message.ts';

export interface ToModelMessagesOptions {
  /** For providers that take system messages at the front alone. */
  readonly systemFirst: boolean;
  readonly imageHosts: ImageHosts;
}

/**
 * OpenAI messages as the AI SDK wants them. A conversation that ends with tool calls and their results goes on from
 * there: nothing of it is done again. Calls and results are to be paired when they come here.
 *
 * @throws RubotError `invalid_request` for a part of a kind that no model takes
 */
export function toModelMessages(messages: ChatRequest['messages'], { systemFirst, imageHosts }: ToModelMessagesOptions): ModelMessage[] {
  const toolNames = new Map<string, string>();
  const converted: ModelMessage[] = [];
  messages.forEach((message, index) => {
    if (message.role === 'assistant') for (const call of message.tool_calls ?? []) toolNames.set(call.id, call.function.name);
    if (message.role === 'tool') appendToolResult(converted, message, toolNames.get(message.tool_call_id) ?? '');
    else converted.push(toModelMessage(message, index, imageHosts));
  });
  if (!systemFirst) return converted;
  return [...converted.filter((message) => message.role === 'system'), ...converted.filter((message) => message.role !== 'system')];
}

function toModelMessage(message: Exclude<ChatMessage, ToolMessage>, index: number, imageHosts: ImageHosts): ModelMessage {
  switch (message.role) {
    case 'system':
    case 'developer':
      return { role: 'system', content: readText(message.content) };
    case 'user':
      return { role: 'user', content: toUserContent(message.content, `messages[${index}].content`, imageHosts) };
    case 'assistant':
      return { role: 'assistant', content: toAssistantContent(message) };
  }
}

/** The results of one step belong into one message. */
function appendToolResult(converted: ModelMessage[], message: ToolMessage, toolName: string): void {
  const part = {
    type: 'tool-result' as const,
    toolCallId: message.tool_call_id,
    toolName,
    output: { type: 'text' as const, value: readText(message.content) },
  };
  const last = converted.at(-1);
  if (last?.role === 'tool') last.content.push(part);
  else converted.push({ role: 'tool', content: [part] });
}
