import { type PendingCall, STEPS_HELD, type StepEvent } from '@rubot/contracts/agent';
import type { ChatMessage, ToolCall } from '@rubot/contracts/chat-request';
import { NO_USAGE, type Usage } from '@rubot/contracts/chat-response';
import type { ToolEffect } from '@rubot/contracts/data';
import type { AgentScript } from '../fake-agent.ts';
import type { ModelExchange } from '../model-upstream.ts';
import { type AgentRequest, readAgentRequest } from './agent-request.ts';
import { createStepTeller } from './step-teller.ts';

/** One step of the model: what it says, and what it calls. The step without calls is the answer's last. */
export interface PlanStep {
  readonly text?: string;
  readonly calls?: readonly PlanCall[];
}

export interface PlanCall {
  /** Its own in the whole plan. */
  readonly id: string;
  readonly name?: string;
  readonly arguments?: Readonly<Record<string, unknown>>;
  /** `write` unless told otherwise: such a call is held where the caller asks for it. */
  readonly effect?: ToolEffect;
  readonly needsApproval?: boolean;
}

export interface FollowPlanOptions {
  /** Runs a call and gives its result. Effects are counted here, by their key: a call may be run again by whoever takes a run over. */
  readonly runCall?: (call: ToolCall, idempotencyKey: string) => string | Promise<string>;
  readonly usagePerStep?: Usage;
}

type Settled = Pick<StepEvent, 'messages' | 'pending' | 'finish_reason'>;

const USAGE: Usage = { prompt_tokens: 11, completion_tokens: 7, total_tokens: 18 };

/**
 * An agent's side of the contract, with a plan in the place of its model: it finds its place by the journal that it is
 * sent, runs open calls by their decisions, and holds calls where it is asked with steps `2`. So every agent that follows
 * the same plan goes on with what another one has begun.
 */
export function followPlan(plan: readonly PlanStep[], { runCall = toResult, usagePerStep = USAGE }: FollowPlanOptions = {}): AgentScript {
  const calls = plan.flatMap((step) => step.calls ?? []);
  const needsApproval = new Set(calls.filter((call) => call.needsApproval === true).map((call) => call.id));

  async function* makeSteps(request: AgentRequest): AsyncGenerator<StepEvent, void, undefined> {
    const run = async (call: ToolCall) => toToolMessage(call, await runCall(call, request.idempotencyKeyOf(call.id)));
    const doneSteps = request.journal.filter((message) => message.role === 'assistant').length;
    if (request.openCalls.length > 0)
      yield { index: doneSteps - 1, usage: NO_USAGE, ...(await settleOpenCalls(request, needsApproval, run)) };
    for (const [offset, step] of plan.slice(doneSteps).entries())
      yield { index: doneSteps + offset, usage: usagePerStep, ...(await settleStep(step, request.steps === STEPS_HELD, run)) };
  }

  return async function answerAsPlanned(exchange) {
    const request = readAgentRequest(exchange);
    if (request.openCalls.length > 0 && (request.steps !== STEPS_HELD || request.decisions === undefined))
      return refuse(exchange, 'There are open calls in the messages, and no header x-rubot-decisions with them.');
    const tell = createStepTeller(exchange);
    for await (const step of makeSteps(request)) {
      tell(step);
      if (step.pending !== undefined || step.finish_reason !== undefined) return;
    }
    throw new Error(`The plan has ${plan.length} steps, and none of those left is without calls.`);
  };
}

/** The model's message, the results of what was run at once, and the calls that are held. */
async function settleStep({ text = '', calls }: PlanStep, holds: boolean, run: (call: ToolCall) => Promise<ChatMessage>): Promise<Settled> {
  if (calls === undefined) return { messages: [{ role: 'assistant', content: text }], finish_reason: 'stop' };
  const held = calls.filter((call) => holds && (call.effect !== 'read' || call.needsApproval === true));
  const ready = calls.filter((call) => !held.includes(call));
  const results = await Promise.all(ready.map((call) => run(toToolCall(call))));
  return withPending(
    [{ role: 'assistant', content: text, tool_calls: calls.map(toToolCall) }, ...results],
    held.map((call) => ({ tool_call_id: call.id, awaits: call.needsApproval === true ? 'approval' : 'commit' })),
  );
}

/** Calls that are on record: run, rejected, or still without a decision. */
async function settleOpenCalls(
  { openCalls, decisions }: AgentRequest,
  needsApproval: ReadonlySet<string>,
  run: (call: ToolCall) => Promise<ChatMessage>,
): Promise<Settled> {
  const decided = new Map(Object.entries(decisions ?? {}));
  const isUndecided = ({ id }: ToolCall) => needsApproval.has(id) && !decided.has(id);
  const settle = async (call: ToolCall): Promise<ChatMessage> => {
    const { decision, comment = '' } = decided.get(call.id) ?? {};
    return decision === 'reject' ? toToolMessage(call, `A person rejected this call. ${comment}`.trim()) : run(call);
  };
  return withPending(
    await Promise.all(openCalls.filter((call) => !isUndecided(call)).map(settle)),
    openCalls.filter(isUndecided).map((call) => ({ tool_call_id: call.id, awaits: 'approval' })),
  );
}

function withPending(messages: ChatMessage[], pending: PendingCall[]): Settled {
  return pending.length === 0 ? { messages } : { messages, pending };
}

function toToolCall({ id, name = 'act', arguments: input = {} }: PlanCall): ToolCall {
  return { id, type: 'function', function: { name, arguments: JSON.stringify(input) } };
}

function toToolMessage({ id }: ToolCall, content: string): ChatMessage {
  return { role: 'tool', tool_call_id: id, content };
}

function toResult({ id }: ToolCall): string {
  return `result of ${id}`;
}

function refuse(exchange: ModelExchange, message: string): void {
  exchange.refuse(400, JSON.stringify({ error: { message, type: 'invalid_request_error', param: null, code: 'invalid_request' } }));
}
