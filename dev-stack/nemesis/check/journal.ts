import { fromToolCallId } from '../agent/ledger.ts';
import type { RunEvidence, StepRow } from './evidence.ts';

/** One answer of the model that is on record. */
export interface CommittedAnswer {
  readonly modelCallId: string;
  /** Which one of the run's answers it is, from 0. */
  readonly step: number;
  readonly attempt: number;
  readonly toolCallIds: readonly string[];
  readonly text: string;
}

/** What the model has said on record, in order. */
export function readAnswers({ steps }: Pick<RunEvidence, 'steps'>): readonly CommittedAnswer[] {
  return steps.flatMap(toAnswers).map((answer, step) => ({ ...answer, step }));
}

function toAnswers({ attempt, step }: StepRow): readonly Omit<CommittedAnswer, 'step'>[] {
  return step.messages.flatMap((message) => {
    if (message.role !== 'assistant') return [];
    const text = typeof message.content === 'string' ? message.content : '';
    return [{ modelCallId: text.split(' ', 1)[0] ?? '', attempt, text, toolCallIds: (message.tool_calls ?? []).map(({ id }) => id) }];
  });
}

/** The tool calls whose results are on record, as often as they are. */
export function readResults({ steps }: Pick<RunEvidence, 'steps'>): readonly string[] {
  return steps.flatMap(({ step }) => step.messages.flatMap((message) => (message.role === 'tool' ? [message.tool_call_id] : [])));
}

export function isCallOf(toolCallId: string, { modelCallId, step }: Pick<CommittedAnswer, 'modelCallId' | 'step'>): boolean {
  const call = fromToolCallId(toolCallId);
  return call.modelCallId === modelCallId && call.step === step;
}
