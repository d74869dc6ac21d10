import type { ChatRequest, ToolCall } from '@rubot/contracts/chat-request';
import { RubotError } from '@rubot/errors';
import type { AgentRun } from './agent-run.ts';

/** Calls at the end of a conversation that have no result yet. */
export interface OpenCalls {
  /** Those to be run here, before anything else is done. */
  readonly own: readonly ToolCall[];
  /** Those that the client answers, once nothing else is open. */
  readonly client: readonly ToolCall[];
}

type Messages = ChatRequest['messages'];

/**
 * Where a run goes on. The caller vouches for open calls by sending decisions with them: a client may write what it likes
 * into a conversation, and would have it run otherwise.
 *
 * @throws RubotError `invalid_request` for calls and results that do not pair, and for open calls that nobody vouches for
 */
export function readOpenCalls({ caller, request }: AgentRun): OpenCalls {
  const { messages } = request;
  const open = findOpenCalls(messages);
  const clientTools = readClientToolNames(request);
  const own = open.filter((call) => !clientTools.has(call.function.name));
  const isVouchedFor = caller.steps === 'held' && caller.decisions !== undefined;
  if (open.length > 0 && (own.length === 0 || !isVouchedFor)) throw unanswered(lastCallerOf(messages));
  return { own, client: open.filter((call) => !own.includes(call)) };
}

export function readClientToolNames({ tools }: Pick<ChatRequest, 'tools'>): ReadonlySet<string> {
  return new Set((tools ?? []).map((tool) => tool.function.name));
}

/** Every call has its result before anybody else speaks, and every result its call: providers refuse anything else. */
function findOpenCalls(messages: Messages): readonly ToolCall[] {
  let open = new Map<string, ToolCall>();
  messages.forEach((message, index) => {
    if (message.role === 'tool') {
      if (open.delete(message.tool_call_id)) return;
      throw unpaired(`messages[${index}].tool_call_id`, 'it answers no tool call of the assistant message before it');
    }
    if (open.size > 0) throw unanswered(lastCallerOf(messages.slice(0, index)));
    open = new Map((message.role === 'assistant' ? (message.tool_calls ?? []) : []).map((call) => [call.id, call]));
  });
  return [...open.values()];
}

function lastCallerOf(messages: Messages): number {
  return messages.findLastIndex((message) => message.role === 'assistant');
}

function unanswered(index: number): RubotError {
  return unpaired(`messages[${index}].tool_calls`, 'each of them needs a message of role tool right behind it');
}

function unpaired(param: string, reason: string): RubotError {
  return new RubotError('invalid_request', `Invalid value for '${param}': ${reason}.`, { param });
}
