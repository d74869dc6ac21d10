import type { RunEvidence } from './evidence.ts';
import { isCallOf, readAnswers, readResults } from './journal.ts';
import { toSegments, toText } from './segments.ts';

/** What must hold of every run, whatever was done to the world. @returns what does not, in words */
export type Invariant = (evidence: RunEvidence) => readonly string[];

const FINAL = new Set(['completed', 'partial', 'failed', 'cancelled']);

export function endsOnce({ run, events }: RunEvidence): readonly string[] {
  const ends = events.filter(({ type }) => type === 'end');
  // An operator who has a run tried again that was given up opens it again.
  const reopened = events.filter(({ type, data }) => type === 'retry' && data['redriven'] === true).length;
  return [
    ...when(!FINAL.has(run.status) || !run.is_finished, `is ${run.status}, and has not ended`),
    ...when(ends.length !== 1 + reopened, `has ${ends.length} end events`),
    ...when(events.at(-1)?.type !== 'end', `goes on behind its end, with ${events.at(-1)?.type}`),
    ...when(ends.at(-1)?.data['status'] !== run.status, `ended as ${String(ends.at(-1)?.data['status'])}, and its row says ${run.status}`),
  ];
}

export function isNumberedWithoutGap({ run, events }: RunEvidence): readonly string[] {
  const wrong = events.findIndex(({ seq }, index) => seq !== index + 1);
  return [
    ...when(wrong !== -1, `has event ${events[wrong]?.seq} where ${wrong + 1} was due`),
    ...when(events.length !== run.last_seq, `has ${events.length} events, and its row says ${run.last_seq}`),
  ];
}

export function countsAttemptsUp({ run, events, steps }: RunEvidence): readonly string[] {
  const restarts = events.filter(({ type }) => type === 'restart').map(({ data }) => Number(data['attempt']));
  const committed = steps.map(({ attempt }) => attempt);
  return [
    ...when(!isRising([0, ...restarts]), `was begun again as attempts ${restarts.join(', ')}`),
    ...when(!isSorted(committed), `has steps of the attempts ${committed.join(', ')}`),
    ...when(
      [...restarts, ...committed].some((attempt) => attempt > run.attempt),
      `has seen a later attempt than ${run.attempt}`,
    ),
  ];
}

/** Numbers without gap; each answer, and each result, on record once. */
export function commitsStepsOnce(evidence: RunEvidence): readonly string[] {
  const { steps, events } = evidence;
  const results = readResults(evidence);
  const told = events.filter(({ type }) => type === 'step').length;
  return [
    ...when(
      steps.some(({ step_index }, index) => step_index !== index),
      `has steps ${steps.map((step) => step.step_index).join(', ')}`,
    ),
    ...when(new Set(results).size !== results.length, `has a result twice: ${results.join(', ')}`),
    ...when(told !== steps.length, `tells of ${told} steps, and has ${steps.length}`),
    ...readAnswers(evidence)
      .filter((answer) => answer.toolCallIds.some((id) => !isCallOf(id, answer)))
      .map(({ step }) => `has an answer at step ${step} that the model gave at another`),
  ];
}

/** The fence: a step stands where its attempt had its say. */
export function commitsStepsInTheirAttempt({ steps, events }: RunEvidence): readonly string[] {
  let position = 0;
  return toSegments(events).flatMap(({ fromAttempt, beforeAttempt, events: own }) => {
    const told = own.filter(({ type }) => type === 'step').length;
    const committed = steps.slice(position, position + told);
    position += told;
    return committed
      .filter(({ attempt }) => attempt < fromAttempt || attempt >= beforeAttempt)
      .map(({ step_index, attempt }) => `has step ${step_index} of attempt ${attempt} in attempt ${fromAttempt}`);
  });
}

/** The fence: what a process says, once its run went on elsewhere, is nowhere. */
export function keepsNoStaleWord(evidence: RunEvidence): readonly string[] {
  const answers = readAnswers(evidence);
  const committedIn = new Map(answers.map(({ modelCallId, attempt }) => [modelCallId, attempt]));
  const seatOf = new Map(evidence.modelCalls.map(({ id, seat }) => [id, seat]));
  const said = new Set<string>();
  return toSegments(evidence.events).flatMap(({ fromAttempt, beforeAttempt, marks }) => {
    const isReplay = (mark: string) => (committedIn.get(mark) ?? Number.POSITIVE_INFINITY) < fromAttempt;
    const fresh = marks.filter((mark) => !isReplay(mark));
    const seats = new Set(fresh.map((mark) => seatOf.get(mark)));
    const stale = fresh.filter((mark) => said.has(mark) || (committedIn.get(mark) ?? fromAttempt) >= beforeAttempt);
    for (const mark of fresh) said.add(mark);
    return [
      ...when(seats.size > 1, `has in attempt ${fromAttempt} words that ${[...seats].join(' and ')} asked for`),
      ...stale.map((mark) => `has in attempt ${fromAttempt} words of another attempt (${mark})`),
    ];
  });
}

/** An answer that is on record is never asked for again. */
export function paysModelOnce(evidence: RunEvidence): readonly string[] {
  return readAnswers(evidence).flatMap(({ step, modelCallId }) => {
    const calls = evidence.modelCalls.filter((call) => call.step === step);
    const position = calls.findIndex(({ id }) => id === modelCallId);
    return [
      ...when(position === -1, `has an answer at step ${step} that no model gave`),
      ...when(position !== -1 && position < calls.length - 1, `asked the model for step ${step} again, when its answer was on record`),
    ];
  });
}

/** A tool changes the world once a step, and only for a call that is on record. */
export function hasEffectsOnce(evidence: RunEvidence): readonly string[] {
  const onRecord = new Set(readAnswers(evidence).flatMap(({ toolCallIds, modelCallId }) => (toolCallIds.length > 0 ? [modelCallId] : [])));
  const bySteps = Map.groupBy(evidence.effects, ({ step }) => step);
  return [
    ...[...bySteps]
      .filter(([, effects]) => effects.length > 1)
      .map(([step, { length }]) => `changed the world ${length} times at step ${step}`),
    ...evidence.effects
      .filter(({ modelCallId }) => !onRecord.has(modelCallId))
      .map(({ step }) => `changed the world at step ${step} for a call that is not on record`),
  ];
}

/** A run that says it is complete has said and done all of it. */
export function isWholeWhenCompleted(evidence: RunEvidence): readonly string[] {
  if (evidence.run.status !== 'completed') return [];
  const answers = readAnswers(evidence);
  const calls = answers.flatMap(({ toolCallIds }) => toolCallIds);
  const effects = new Set(evidence.effects.map(({ modelCallId }) => modelCallId));
  const said = toSegments(evidence.events).at(-1)?.events.map(toText).join('') ?? '';
  const toldWords = said.split(/\s+/).filter(Boolean).join(' ');
  const committedWords = answers.flatMap(({ text }) => text.split(/\s+/).filter(Boolean)).join(' ');
  return [
    ...when(answers.at(-1)?.toolCallIds.length !== 0, 'is completed, and its last answer calls for more'),
    ...when(
      calls.length !== readResults(evidence).length,
      `is completed with ${calls.length} calls and ${readResults(evidence).length} results`,
    ),
    ...when(
      answers.some(({ toolCallIds, modelCallId }) => toolCallIds.length > 0 && !effects.has(modelCallId)),
      'is completed, and a call of it never had its effect',
    ),
    ...when(toldWords !== committedWords, `told "${toldWords}", and has on record "${committedWords}"`),
  ];
}

function when(isWrong: boolean, words: string): readonly string[] {
  return isWrong ? [words] : [];
}

function isRising(numbers: readonly number[]): boolean {
  return numbers.every((number, index) => index === 0 || number > (numbers[index - 1] ?? 0));
}

function isSorted(numbers: readonly number[]): boolean {
  return numbers.every((number, index) => index === 0 || number >= (numbers[index - 1] ?? 0));
}
