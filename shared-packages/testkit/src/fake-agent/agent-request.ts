import { CallDecisions } from '@rubot/contracts/agent';
import { ChatMessage, type ToolCall } from '@rubot/contracts/chat-request';
import { HEADERS } from '@rubot/contracts/headers';
import { z } from 'zod';
import type { ModelExchange } from '../model-upstream.ts';

/** What an agent was told with one completion beside the conversation. */
export interface AgentRequest {
  /** Value of the header that asks for steps. */
  readonly steps: string | undefined;
  /** Undefined where the header did not come. */
  readonly decisions: CallDecisions | undefined;
  /** What follows the last word of the user: the steps that were done. */
  readonly journal: readonly ChatMessage[];
  /** Calls of the journal's last assistant message that have no result yet. */
  readonly openCalls: readonly ToolCall[];
  /** Under which a call has its effect once, whoever makes it, and however often. */
  idempotencyKeyOf(toolCallId: string): string;
}

/** @throws ZodError for messages or decisions that are not the contract's */
export function readAgentRequest({ headers, body }: ModelExchange): AgentRequest {
  const messages = z.array(ChatMessage).parse(body['messages']);
  const journal = messages.slice(messages.findLastIndex((message) => message.role === 'user') + 1);
  const decisions = z.string().optional().parse(headers[HEADERS.decisions]);
  return {
    steps: z.string().optional().parse(headers[HEADERS.steps]),
    decisions: decisions === undefined ? undefined : CallDecisions.parse(JSON.parse(decodeURIComponent(decisions))),
    journal,
    openCalls: findOpenCalls(journal),
    idempotencyKeyOf: (toolCallId) => `${headers[HEADERS.runId]}/${headers[HEADERS.sliceId]}/${toolCallId}`,
  };
}

function findOpenCalls(journal: readonly ChatMessage[]): readonly ToolCall[] {
  const last = journal.findLastIndex((message) => message.role === 'assistant');
  const message = journal[last];
  const answered = new Set(journal.slice(last + 1).map((result) => (result.role === 'tool' ? result.tool_call_id : '')));
  const calls = message?.role === 'assistant' ? (message.tool_calls ?? []) : [];
  return calls.filter((call) => !answered.has(call.id));
}
