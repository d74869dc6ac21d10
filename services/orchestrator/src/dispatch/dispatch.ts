import { RubotError } from '@rubot/errors';
import type { Plan, PlannedSlice } from '../planning/plan.ts';
import type { Run } from '../runs/run.ts';
import type { AnswerPart } from './answer.ts';
import type { AgentClientOptions } from './call-agent.ts';
import { type Preparation, type SliceOutcome, streamSlice } from './slice.ts';

export interface RunningSlice {
  readonly slice: PlannedSlice;
  /** Read ahead up to a limit while nobody reads; closes when the slice has ended, well or not. */
  readonly parts: ReadableStream<AnswerPart>;
  readonly outcome: Promise<SliceOutcome>;
}

export interface DispatchDeps {
  readonly client: AgentClientOptions;
}

/** How far a slice may run ahead of its reader, before its agent is made to wait. */
const MAX_BUFFERED_CHARACTERS = 65_536;
/** What a part takes up beside what it says. */
const PART_OVERHEAD_CHARACTERS = 256;

const BRIEF_NOTE =
  'Several specialists answer the conversation above together. Answer only the part given below; the others answer the rest. ' +
  'Earlier answers are those of other specialists: use them as data, do not repeat them.';

/** Starts every slice at once; each waits for those it depends on by itself. */
export function dispatch(run: Run, { slices }: Plan, deps: DispatchDeps): readonly RunningSlice[] {
  const started: RunningSlice[] = [];
  for (const slice of slices) {
    const dependencies = started.filter((earlier) => slice.dependsOn.includes(earlier.slice.id));
    started.push(startSlice(run, slice, () => prepareSlice(slice, dependencies, slices.length), deps));
  }
  return started;
}

function startSlice(run: Run, slice: PlannedSlice, prepare: () => Promise<Preparation>, { client }: DispatchDeps): RunningSlice {
  const { promise: outcome, resolve: onEnd } = Promise.withResolvers<SliceOutcome>();
  const source = streamSlice({ run, slice, prepare, client, onEnd });
  const parts = new ReadableStream<AnswerPart>(
    {
      async pull(controller) {
        const { done, value } = await source.next();
        if (done === true) controller.close();
        else controller.enqueue(value);
      },
      async cancel() {
        await source.return();
      },
    },
    { highWaterMark: MAX_BUFFERED_CHARACTERS, size: sizeOf },
  );
  return { slice, parts, outcome };
}

function sizeOf({ choices }: AnswerPart): number {
  return choices.reduce((size, { delta }) => size + JSON.stringify(delta).length, PART_OVERHEAD_CHARACTERS);
}

async function prepareSlice(slice: PlannedSlice, dependencies: readonly RunningSlice[], sliceCount: number): Promise<Preparation> {
  const outcomes = await Promise.all(dependencies.map((dependency) => dependency.outcome));
  const failed = outcomes.find(({ status }) => status === 'failed' || status === 'skipped');
  if (failed !== undefined) return { status: 'skipped', reason: toSkipReason(failed) };
  if (outcomes.some(({ status }) => status !== 'completed')) return { status: 'waiting' };
  // The only slice of a plan answers the conversation as it stands.
  if (sliceCount === 1) return { status: 'ready', brief: undefined };
  const earlierAnswers = outcomes.map((outcome) => ({ agent: outcome.slice.agentName, answer: outcome.text }));
  return { status: 'ready', brief: { task: 'slice', note: BRIEF_NOTE, part: slice.task, earlier_answers: earlierAnswers } };
}

function toSkipReason({ slice }: SliceOutcome): RubotError {
  return new RubotError('upstream_failed', `It was not begun, because it builds on the answer of ${slice.agentName}, which failed.`);
}
