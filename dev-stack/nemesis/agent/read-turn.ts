import { STEPS_HELD } from '@rubot/contracts/agent';
import type { ChatMessage, ToolCall } from '@rubot/contracts/chat-request';
import { HEADERS } from '@rubot/contracts/headers';
import { type AgentRequest, readAgentRequest } from '@rubot/testkit/fake-agent/agent-request';
import type { ModelExchange } from '@rubot/testkit/model-upstream';
import { Task } from './task.ts';

/** What an agent is asked, and how far it had come by what it is shown. */
export interface Turn {
  readonly runId: string;
  /** Whether calls that change something are told before they are made. */
  readonly isHeld: boolean;
  readonly task: Task;
  readonly doneSteps: number;
  /** Calls that are on record and have no result yet. */
  readonly openCalls: readonly ToolCall[];
  readonly idempotencyKeyOf: AgentRequest['idempotencyKeyOf'];
}

export function readTurn(exchange: ModelExchange): Turn {
  const { steps, journal, openCalls, idempotencyKeyOf } = readAgentRequest(exchange);
  const messages = exchange.body['messages'] as readonly ChatMessage[];
  return {
    runId: String(exchange.headers[HEADERS.runId]),
    isHeld: steps === STEPS_HELD,
    task: Task.parse(JSON.parse(String(messages[messages.length - journal.length - 1]?.content))),
    doneSteps: journal.filter((message) => message.role === 'assistant').length,
    openCalls,
    idempotencyKeyOf,
  };
}
