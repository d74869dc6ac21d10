import { type AnswerPart, saysSomething, toTextPart } from './answer.ts';
import type { RunningSlice } from './dispatch.ts';
import type { SliceOutcome } from './slice.ts';

/**
 * One answer out of all slices, in the order of the plan: the first that has not ended is passed on as it comes, later
 * ones wait in their buffers. The order holds dependencies first, so what is passed on never waits for what waits behind it.
 */
export async function* mergeSlices(running: readonly RunningSlice[]): AsyncGenerator<AnswerPart, readonly SliceOutcome[], undefined> {
  const outcomes: SliceOutcome[] = [];
  const isAlone = running.length === 1;
  let hasSpoken = false;
  try {
    for (const { slice, parts, outcome } of running) {
      if (isAlone) yield* parts;
      else hasSpoken = (yield* underHeading(slice.agentName, parts, hasSpoken)) || hasSpoken;
      outcomes.push(await outcome);
    }
  } finally {
    // Also those that were never read; of the others this is refused, as they have ended or are ended by the loop.
    void Promise.allSettled(running.map(({ parts }) => parts.cancel()));
  }
  const failed = outcomes.filter(({ status }) => status === 'failed' || status === 'skipped');
  const isSettled = outcomes.every(({ pendingCalls }) => pendingCalls.length === 0);
  // What waits for a person goes on later, and what failed beside it is tried again then.
  if (isSettled && failed.length > 0 && failed.length < outcomes.length) yield toTextPart(describeFailures(failed));
  return outcomes;
}

/** The heading comes with the first words: an agent that fails before it has said any leaves none. Returns whether it said any. */
async function* underHeading(name: string, parts: AsyncIterable<AnswerPart>, hasPredecessor: boolean): AsyncGenerator<AnswerPart, boolean> {
  let hasHeading = false;
  for await (const part of parts) {
    if (!saysSomething(part)) continue;
    if (!hasHeading) yield toTextPart(`${hasPredecessor ? '\n\n' : ''}### ${name}\n\n`);
    hasHeading = true;
    yield part;
  }
  return hasHeading;
}

function describeFailures(failed: readonly SliceOutcome[]): string {
  const lines = failed.map(({ slice, error }) => `- ${slice.agentName}: ${error?.message ?? 'It did not answer.'}`);
  return `\n\n---\n\nThis answer is incomplete. Missing:\n\n${lines.join('\n')}\n`;
}
