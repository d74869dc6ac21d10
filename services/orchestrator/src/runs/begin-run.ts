import type { Deadline } from '@rubot/http/deadline';
import type { Span } from '@rubot/logging/span';
import { createEventRecorder } from './event-recorder.ts';
import type { Run } from './run.ts';
import type { ClaimedRun, NewRun, RunWriter } from './run-store.ts';

export interface BeginRunOptions {
  readonly accepted: NewRun & Partial<Pick<ClaimedRun, 'plan' | 'steps'>>;
  readonly writer: RunWriter;
  readonly deadline: Deadline;
  readonly span: Span;
}

/** A run that stands in the store, as this process works on it. */
export function beginRun({ accepted, writer, deadline, span }: BeginRunOptions): Run {
  const { runId, caller, request, plan, steps = [] } = accepted;
  return { id: runId, caller, request, deadline, span, plan, steps, recorder: createEventRecorder({ writer, onFailure: deadline.abort }) };
}
