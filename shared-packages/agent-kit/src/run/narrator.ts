import type { StepEvent } from '@rubot/contracts/agent';
import type { ToolCall } from '@rubot/contracts/chat-request';
import type { Usage } from '@rubot/contracts/chat-response';
import { RubotError } from '@rubot/errors';
import { toUsage } from '@rubot/models/usage';
import type { TextStreamPart, ToolSet } from 'ai';
import type { OfferedTools } from '../tools/offer-tools.ts';
import type { AgentRun } from './agent-run.ts';
import { createStepJournal } from './step-journal.ts';

/** What a run gives out, in order. Without an `end` it has failed, and the failure is thrown. */
export type AgentEvent =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'client-calls'; readonly calls: readonly ToolCall[] }
  | { readonly type: 'step'; readonly step: StepEvent }
  | { readonly type: 'end'; readonly finishReason: string; readonly usage: Usage };

type Part = TextStreamPart<ToolSet>;

/** Turns the parts of the SDK's stream into what a caller of an agent gets to hear. */
export interface Narrator {
  tell(part: Part): Iterable<AgentEvent>;
  /** The end of a run that may not go on, in words, as an empty answer would leave a person alone. */
  endAtLimit(): Iterable<AgentEvent>;
}

export interface CreateNarratorOptions {
  readonly run: AgentRun;
  readonly offered: OfferedTools;
  /** Steps of this answer that an earlier attempt has made. */
  readonly doneSteps: number;
}

export function createNarrator({ run, offered, doneSteps }: CreateNarratorOptions): Narrator {
  const journal = createStepJournal();
  let index = doneSteps;
  let hasSpoken = false;
  let startsParagraph = false;
  let hasClientCalls = false;

  function* speak(text: string): Generator<AgentEvent, void, undefined> {
    // The words of two steps are two paragraphs.
    if (startsParagraph) yield { type: 'text', text: '\n\n' };
    startsParagraph = false;
    hasSpoken = true;
    yield { type: 'text', text };
  }

  function* endStep(part: Extract<Part, { type: 'finish-step' }>): Generator<AgentEvent, void, undefined> {
    const usage = toUsage(part.usage.inputTokens, part.usage.outputTokens);
    run.record.stepEnded({ finishReason: part.rawFinishReason ?? part.finishReason, usage });
    const calls = journal.clientCalls(offered.clientTools);
    const messages = journal.take();
    const finishReason = toFinalReason(part, calls.length > 0);
    const final = finishReason === undefined ? {} : { finish_reason: finishReason };
    if (messages.length > 0) yield { type: 'step', step: { index, messages: [...messages], usage, ...final } };
    index += 1;
    startsParagraph = hasSpoken;
    hasClientCalls = calls.length > 0;
    if (hasClientCalls) yield { type: 'client-calls', calls };
  }

  /** How the answer ends, where this step is its last. */
  function toFinalReason(
    { finishReason, rawFinishReason }: Pick<Extract<Part, { type: 'finish' }>, 'finishReason' | 'rawFinishReason'>,
    isForClient: boolean,
  ): string | undefined {
    if (isForClient && finishReason !== 'length') return 'tool_calls';
    return finishReason === 'tool-calls' ? undefined : (FINISH_REASONS[finishReason] ?? rawFinishReason ?? finishReason);
  }

  function* endAs(finishReason: string): Generator<AgentEvent, void, undefined> {
    run.record.ended();
    yield { type: 'end', finishReason, usage: run.record.usage };
  }

  function* endAtLimit(): Generator<AgentEvent, void, undefined> {
    run.record.signal('step_limit');
    yield* speak(`(Stopped after ${run.agent.maxSteps} steps, before the answer was complete. Ask for less at once.)`);
    yield* endAs('length');
  }

  function* end({ finishReason, rawFinishReason }: Extract<Part, { type: 'finish' }>): Generator<AgentEvent, void, undefined> {
    const reason = toFinalReason({ finishReason, rawFinishReason }, hasClientCalls);
    if (reason !== undefined) yield* endAs(reason);
    else if (index >= run.agent.maxSteps) yield* endAtLimit();
    else throw new RubotError('upstream_failed', 'The model said that it calls a tool, and named none. Ask again.');
  }

  return {
    *tell(part) {
      journal.add(part);
      if (part.type === 'text-delta') yield* speak(part.text);
      if (part.type === 'tool-error') run.record.signal('tool_failed');
      if (part.type === 'finish-step') yield* endStep(part);
      if (part.type === 'finish') yield* end(part);
    },
    endAtLimit,
  };
}

/** A reason that OpenAI does not have is told as the provider told it. */
const FINISH_REASONS: Readonly<Record<string, string>> = { stop: 'stop', length: 'length', 'content-filter': 'content_filter' };
