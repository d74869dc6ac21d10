import type { StepEvent } from '@rubot/contracts/agent';
import type { ChatMessage } from '@rubot/contracts/chat-request';
import type { PlannedSlice } from '../planning/plan.ts';
import type { Run } from '../runs/run.ts';
import { assertHoldable } from './held-calls.ts';
import { findStanding, type Replay, replaySteps, type Standing } from './replay.ts';

/** The finished steps of one slice: those of earlier attempts, and each one more as its agent tells of it. */
export interface SliceJournal {
  readonly messages: readonly ChatMessage[];
  readonly isEmpty: boolean;
  /** @throws as `replaySteps` does */
  replay(): Replay;
  /**
   * Resolves when the step is on record; where the slice stands then.
   *
   * @throws RubotError `upstream_failed` when the step holds what cannot be held; whatever kept it from being written
   */
  add(step: StepEvent): Promise<Standing>;
}

export function createSliceJournal(
  { steps: known, decisions, recorder }: Pick<Run, 'steps' | 'decisions' | 'recorder'>,
  slice: PlannedSlice,
): SliceJournal {
  const steps = known.filter(({ sliceId }) => sliceId === slice.id).map(({ step }) => step);
  const messages = steps.flatMap((step) => step.messages);

  return {
    messages,
    get isEmpty() {
      return steps.length === 0;
    },
    replay: () => replaySteps(steps),
    async add(told) {
      assertHoldable(told, messages, decisions);
      // The agent's own number counts from wherever it was called.
      const step = { ...told, index: (steps.at(-1)?.index ?? -1) + 1 };
      await recorder.addStep({ sliceId: slice.id, agentId: slice.agent.id, step });
      steps.push(step);
      messages.push(...step.messages);
      return findStanding(steps, messages);
    },
  };
}
