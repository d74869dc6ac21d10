import { describe, expect, it } from 'vitest';
import { toToolCallId } from '../agent/ledger.ts';
import type { EventRow, RunEvidence, StepRow } from './evidence.ts';
import { findViolations } from './judge.ts';

const RUN_ID = 'run_1';
const TRACE_ID = 'trace_1';
const USAGE = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 };
/** Of the model calls of this run, in the order in which they are made. */
const [FIRST, STALE, LAST] = ['maaaaaaaaaaaa', 'mbbbbbbbbbbbb', 'mcccccccccccc'] as const;

function chunk(content: string): Omit<EventRow, 'seq'> {
  return { type: 'chunk', data: { choices: [{ index: 0, delta: { content } }] } };
}

function step(index: number, attempt: number, messages: StepRow['step']['messages']): StepRow {
  return { slice_id: 's1', step_index: index, attempt, step: { index, messages, usage: USAGE } };
}

const CALL = { id: toToolCallId({ id: FIRST, step: 0 }), type: 'function' as const, function: { name: 'world_change', arguments: '{}' } };
const STEPS = [
  step(0, 1, [{ role: 'assistant', content: `${FIRST} 0 `, tool_calls: [CALL] }]),
  step(1, 2, [{ role: 'tool', tool_call_id: CALL.id, content: 'done' }]),
  step(2, 2, [{ role: 'assistant', content: `${LAST} 0 ` }]),
];
const EVENTS = number([
  { type: 'start', data: {} },
  chunk(`${FIRST} 0 `),
  { type: 'step', data: { index: 0 } },
  chunk(`${STALE} `),
  { type: 'restart', data: { attempt: 2 } },
  chunk(`${FIRST} 0 \n\n`),
  { type: 'step', data: { index: 1 } },
  chunk(`${LAST} 0 `),
  { type: 'step', data: { index: 2 } },
  { type: 'end', data: { status: 'completed' } },
]);

/** A worker died while the model was asked for the second time; the other one ended the run. */
const SOUND: RunEvidence = {
  run: {
    run_id: RUN_ID,
    trace_id: TRACE_ID,
    status: 'completed',
    attempt: 2,
    crash_count: 1,
    last_seq: EVENTS.length,
    is_finished: true,
    error: null,
  },
  steps: STEPS,
  events: EVENTS,
  modelCalls: [
    { id: FIRST, traceId: TRACE_ID, step: 0, seat: 'worker-1', atMs: 1 },
    { id: STALE, traceId: TRACE_ID, step: 1, seat: 'worker-1', atMs: 2 },
    { id: LAST, traceId: TRACE_ID, step: 1, seat: 'worker-2', atMs: 3 },
  ],
  effects: [{ runId: RUN_ID, step: 0, modelCallId: FIRST }],
};

function number(events: readonly Omit<EventRow, 'seq'>[]): readonly EventRow[] {
  return events.map((event, index) => ({ ...event, seq: index + 1 }));
}

/** The events with these put in at a place; all are numbered, so that nothing but what they say is wrong. */
function withEvents(at: number, ...added: Omit<EventRow, 'seq'>[]): RunEvidence {
  const events = number(EVENTS.toSpliced(at, 0, ...(added as EventRow[])));
  return { ...SOUND, events, run: { ...SOUND.run, last_seq: events.length } };
}

function judged(evidence: RunEvidence): string {
  return findViolations([evidence], { accepted: new Set([RUN_ID]) }).join('\n');
}

describe('the judge of a nemesis', () => {
  it('has nothing to say against a run that was taken over in order', () => {
    expect(judged(SOUND)).toBe('');
  });

  it('takes a run that was given up, and tried again by an operator, for one that has two ends', () => {
    const [end, retry] = [
      { type: 'end', data: { status: 'failed' } },
      { type: 'retry', data: { redriven: true } },
    ];
    expect(judged(withEvents(4, end!, retry!))).toBe('');
    expect(judged(withEvents(4, end!))).toMatch(/has 2 end events/);
  });

  const WRONGS: readonly [string, RunEvidence, RegExp][] = [
    ['has not ended', { ...SOUND, run: { ...SOUND.run, status: 'running', is_finished: false } }, /has not ended/],
    ['has failed', { ...SOUND, run: { ...SOUND.run, status: 'failed' } }, /is failed: no code/],
    ['ends twice', withEvents(9, { type: 'end', data: { status: 'completed' } }), /has 2 end events/],
    ['goes on behind its end', withEvents(10, chunk('')), /goes on behind its end, with chunk/],
    ['has a gap', { ...SOUND, events: EVENTS.toSpliced(3, 1) }, /has event 5 where 4 was due/],
    ['has a number twice', { ...SOUND, events: EVENTS.toSpliced(3, 0, EVENTS[2]!) }, /has event 3 where 4 was due/],
    ['lacks its newest event', { ...SOUND, run: { ...SOUND.run, last_seq: 11 } }, /has 10 events, and its row says 11/],
    ['counts its attempts down', withEvents(6, { type: 'restart', data: { attempt: 1 } }), /begun again as attempts 2, 1/],
    ['lacks a step', { ...SOUND, steps: STEPS.toSpliced(1, 1) }, /has steps 0, 2/],
    ['has a result twice', { ...SOUND, steps: [...STEPS, step(3, 2, STEPS[1]!.step.messages)] }, /has a result twice/],
    ['keeps words of a process that had lost it', withEvents(8, chunk(`${STALE} 1 `)), /words that worker-2 and worker-1 asked for/],
    [
      'keeps a step of a process that had lost it',
      { ...SOUND, steps: STEPS.with(1, { ...STEPS[1]!, attempt: 1 }) },
      /has step 1 of attempt 1 in attempt 2/,
    ],
    [
      'paid for an answer that was on record',
      { ...SOUND, modelCalls: [...SOUND.modelCalls, { id: 'mdddddddddddd', traceId: TRACE_ID, step: 1, seat: 'worker-2', atMs: 4 }] },
      /asked the model for step 1 again/,
    ],
    [
      'changed the world twice',
      { ...SOUND, effects: [...SOUND.effects, { runId: RUN_ID, step: 0, modelCallId: STALE }] },
      /changed the world 2 times at step 0\n.*for a call that is not on record/,
    ],
    ['never changed the world', { ...SOUND, effects: [] }, /never had its effect/],
    ['told less than it has on record', withEvents(7, chunk('and more ')), /told ".* and more .*", and has on record/],
  ];

  it.each(WRONGS)('sees a run that %s', (_, evidence, words) => {
    expect(judged(evidence)).toMatch(words);
  });

  it('sees a run that is not there', () => {
    expect(findViolations([], { accepted: new Set([RUN_ID]) })).toEqual([`${RUN_ID} was accepted, and is not there`]);
  });
});
