import type { StepEvent } from '@rubot/contracts/agent';
import { RubotError } from '@rubot/errors';
import { toUsage } from '@rubot/models/usage';
import type { TextStreamPart, ToolSet } from 'ai';
import type { OfferedTools } from '../tools/offer-tools.ts';
import { type AgentEvent, endAs, hold } from './agent-event.ts';
import type { AgentRun } from './agent-run.ts';
import { createStepJournal } from './step-journal.ts';
import { NOTHING_UNSETTLED, sortUnsettled, type UnsettledCalls } from './unsettled-calls.ts';

type Part = TextStreamPart<ToolSet>;
type FinishPart = Extract<Part, { type: 'finish' | 'finish-step' }>;

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
  let unsettled: UnsettledCalls = NOTHING_UNSETTLED;

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
    unsettled = sortUnsettled({ run, offered, open: journal.openCalls(), finishReason: part.finishReason });
    const messages = journal.take(unsettled.abandoned);
    if (messages.length > 0) yield { type: 'step', step: { index, messages: [...messages], usage, ...toOutlook(part, unsettled) } };
    index += 1;
    startsParagraph = hasSpoken;
    if (unsettled.client.length > 0) yield { type: 'client-calls', calls: unsettled.client };
  }

  function* endAtLimit(): Generator<AgentEvent, void, undefined> {
    run.record.signal('step_limit');
    yield* speak(`(Stopped after ${run.agent.maxSteps} steps, before the answer was complete. Ask for less at once.)`);
    yield endAs(run, 'length');
  }

  function* end(part: Extract<Part, { type: 'finish' }>): Generator<AgentEvent, void, undefined> {
    const reason = toFinalReason(part, unsettled);
    if (unsettled.held.length > 0) yield hold(run);
    else if (reason !== undefined) yield endAs(run, reason);
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

/** What follows a step: calls that are held, the end of the answer, or another step. */
function toOutlook(part: FinishPart, unsettled: UnsettledCalls): Pick<StepEvent, 'pending' | 'finish_reason'> {
  if (unsettled.held.length > 0) return { pending: [...unsettled.held] };
  const finishReason = toFinalReason(part, unsettled);
  return finishReason === undefined ? {} : { finish_reason: finishReason };
}

/** How the answer ends, where this step is its last. */
function toFinalReason({ finishReason, rawFinishReason }: FinishPart, { client }: UnsettledCalls): string | undefined {
  if (client.length > 0 && finishReason !== 'length') return 'tool_calls';
  return finishReason === 'tool-calls' ? undefined : (FINISH_REASONS[finishReason] ?? rawFinishReason ?? finishReason);
}

/** A reason that OpenAI does not have is told as the provider told it. */
const FINISH_REASONS: Readonly<Record<string, string>> = { stop: 'stop', length: 'length', 'content-filter': 'content_filter' };
