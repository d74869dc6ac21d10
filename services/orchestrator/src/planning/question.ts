import type { ChatMessage, ChatRequest } from '@rubot/contracts/chat-request';
import type { EarlierMessage } from './planner-model.ts';

const MAX_QUESTION_CHARACTERS = 4_000;
const MAX_EARLIER_MESSAGES = 6;
const MAX_EARLIER_CHARACTERS = 500;

/** The text of the last message that the user wrote, bounded: what a planner decides by. */
export function questionOf({ messages }: ChatRequest): string {
  const last = messages.findLast((message) => message.role === 'user');
  return last === undefined ? '' : textOf(last).slice(0, MAX_QUESTION_CHARACTERS);
}

/** The messages before that one, the newest few, cut short. */
export function earlierOf({ messages }: ChatRequest): readonly EarlierMessage[] {
  const last = messages.findLastIndex((message) => message.role === 'user');
  return messages
    .slice(0, Math.max(0, last))
    .filter((message) => message.role === 'user' || message.role === 'assistant')
    .map((message) => ({ role: message.role, text: textOf(message).slice(0, MAX_EARLIER_CHARACTERS) }))
    .filter(({ text }) => text !== '')
    .slice(-MAX_EARLIER_MESSAGES);
}

function textOf({ content }: ChatMessage): string {
  if (typeof content === 'string') return content;
  return (content ?? []).map((part) => ('text' in part && typeof part.text === 'string' ? part.text : '')).join('\n');
}

/** True where the answer must have one author: a call of a client's tool, its result, or one JSON document cannot be merged. */
export function needsSoleAuthor({ tools, messages, response_format }: ChatRequest): boolean {
  const isJson = response_format !== null && response_format !== undefined && response_format.type !== 'text';
  return (tools?.length ?? 0) > 0 || messages.at(-1)?.role === 'tool' || isJson;
}
