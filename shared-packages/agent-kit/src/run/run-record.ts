import { addUsage, NO_USAGE, type Usage } from '@rubot/contracts/chat-response';
import type { AgentLog } from '@rubot/contracts/log';
import { RubotError } from '@rubot/errors';
import type { Model } from '@rubot/models/create-model';
import type { Agent } from '../define-agent.ts';

type LoggedStep = AgentLog['steps'][number];
type LoggedToolCall = LoggedStep['tool_calls'][number];

/** What is known of a run while it goes on: its cost, its steps, and the problems that somebody may want to count. */
export interface RunRecord {
  /** Sum over the finished steps. */
  readonly usage: Usage;
  /** Whether a tool has been called: from then on the run must not be repeated unasked. */
  readonly hasActed: boolean;
  toolEnded(call: LoggedToolCall): void;
  stepEnded(step: { readonly finishReason: string; readonly usage: Usage }): void;
  /** The calls that an earlier request had left open were run, or were not: a step without a model. */
  callsSettled(): void;
  signal(name: string): void;
  /** The answer is whole. */
  ended(): void;
  readonly hasEnded: boolean;
  failed(error: unknown): void;
  toAgentLog(): AgentLog;
}

export interface CreateRunRecordOptions {
  readonly agent: Agent;
  readonly model: Model;
  readonly now?: () => number;
}

export function createRunRecord({ agent, model, now = Date.now }: CreateRunRecordOptions): RunRecord {
  const steps: LoggedStep[] = [];
  const signals = new Set<string>(model.isDemo ? ['demo_model'] : []);
  let usage = NO_USAGE;
  let toolCalls: LoggedToolCall[] = [];
  let hasActed = false;
  let hasEnded = false;
  let stepStartedAtMs = now();

  function addStep(finishReason: string, { prompt_tokens, completion_tokens }: Usage): void {
    steps.push({
      index: steps.length,
      finish_reason: finishReason,
      input_tokens: prompt_tokens,
      output_tokens: completion_tokens,
      duration_ms: now() - stepStartedAtMs,
      tool_calls: toolCalls,
    });
    toolCalls = [];
    stepStartedAtMs = now();
  }

  return {
    get usage() {
      return usage;
    },
    get hasActed() {
      return hasActed;
    },
    toolEnded(call) {
      hasActed = true;
      toolCalls.push(call);
      if (!call.ok) signals.add('tool_failed');
    },
    stepEnded({ finishReason, usage: added }) {
      usage = addUsage(usage, added);
      if (added.total_tokens === 0) signals.add('usage_missing');
      addStep(finishReason, added);
    },
    callsSettled: () => addStep('resumed', NO_USAGE),
    signal(name) {
      signals.add(name);
    },
    ended() {
      hasEnded = true;
    },
    get hasEnded() {
      return hasEnded;
    },
    failed(error) {
      signals.add(RubotError.from(error).code);
    },
    toAgentLog: () => ({
      schema: 'agent_log_v1',
      agent_id: agent.id,
      provider: model.provider,
      model: model.specifier,
      steps,
      input_tokens: usage.prompt_tokens,
      output_tokens: usage.completion_tokens,
      cost_usd: null,
      signals: [...signals],
    }),
  };
}
