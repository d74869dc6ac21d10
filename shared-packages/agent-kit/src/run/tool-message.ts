import type { ChatMessage } from '@rubot/contracts/chat-request';

export type ToolMessage = Extract<ChatMessage, { role: 'tool' }>;

export function toResultMessage(toolCallId: string, output: unknown): ToolMessage {
  return toToolMessage(toolCallId, typeof output === 'string' ? output : (JSON.stringify(output) ?? 'null'));
}

export function toErrorMessage(toolCallId: string, error: unknown): ToolMessage {
  return toToolMessage(toolCallId, `Error: ${error instanceof Error ? error.message : String(error)}`);
}

export function toToolMessage(toolCallId: string, content: string): ToolMessage {
  return { role: 'tool', tool_call_id: toolCallId, content };
}
