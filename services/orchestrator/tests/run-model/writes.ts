import { SLOT_TYPES } from '@rubot/contracts/agent';
import type { PendingToolCall } from '@rubot/contracts/chat-response';
import fc from 'fast-check';
import { expect } from 'vitest';
import type { NewEvent, RunOutcome, RunWriter } from '../../src/runs/run-store.ts';
import {
  hasBegun,
  NO_USAGE,
  processAt,
  type RunCommand,
  type RunCommandArbitrary,
  storeAt,
  type Tally,
  toCommand,
  type WriterPick,
  writer,
  writerAt,
} from './command.ts';
import type { ModelEnd, RunModel } from './model.ts';
import { type RunSystem, toSaying } from './system.ts';

interface WriterCommandOptions {
  readonly name: string;
  readonly at: WriterPick;
  readonly values: readonly unknown[];
  /** @returns what the store has said, and what the model says */
  readonly run: (by: RunWriter, model: RunModel) => Promise<readonly [said: string, expected: string]>;
}

/** Something that only whoever has the run may do: the others are refused, and nothing of it is kept. */
function toWriterCommand(tally: Tally, { name, at, values, run }: WriterCommandOptions): RunCommand {
  return toCommand(tally, {
    name,
    values: [at, ...values],
    check: hasBegun,
    async run(model, system) {
      const by = writerAt(model, system, at);
      if (by === undefined) return 'nobody';
      const [said, expected] = await run(by, model);
      expect(said).toBe(expected);
      return said;
    },
  });
}

let wordCount = 0;

function newWord(): string {
  wordCount += 1;
  return `word ${wordCount}`;
}

function toChunk(content: string): NewEvent {
  return { type: 'chunk', data: { choices: [{ index: 0, delta: { content }, finish_reason: null }] } };
}

export const write: RunCommandArbitrary = (tally) =>
  fc.tuple(writer, fc.integer({ min: 1, max: 3 }), fc.boolean()).map(([at, count, hasStep]) =>
    toWriterCommand(tally, {
      name: 'write',
      at,
      values: [count, hasStep],
      async run(by, model) {
        const words = Array.from({ length: count }, newWord);
        const index = model.runs.get(by.runId)?.steps.length ?? 0;
        const step = { sliceId: 's1', agentId: 'tables', step: { index, messages: [], usage: NO_USAGE } };
        const said = await toSaying(by.write({ events: words.map(toChunk), ...(hasStep ? { step } : {}) }));
        return [said, model.write(by, words, hasStep ? `s1/${index}` : undefined)];
      },
    }),
  );

function toOutcome(end: ModelEnd): RunOutcome {
  const shared = { slices: [], usage: NO_USAGE };
  if (end === 'completed') return { ...shared, status: 'completed', error: undefined };
  const error = { message: 'It failed.', type: 'server_error', param: null, code: 'upstream_failed' } as const;
  return { ...shared, status: 'failed', error, freesKey: end === 'freed', isDeadLetter: end === 'dead' };
}

export function finishBy(by: RunWriter, end: ModelEnd): Promise<string> {
  const outcome = toOutcome(end);
  return toSaying(by.finish(outcome, [{ type: 'end', data: { status: outcome.status } }]));
}

export const finish: RunCommandArbitrary = (tally) =>
  fc.tuple(writer, fc.constantFrom<ModelEnd>('completed', 'completed', 'failed', 'freed', 'dead')).map(([at, end]) =>
    toWriterCommand(tally, {
      name: 'finish',
      at,
      values: [end],
      run: async (by, model) => [await finishBy(by, end), model.end(by, end)],
    }),
  );

/** Calls of their own each time, as a model makes them. */
function toCalls({ runId, attempt }: RunWriter, count: number): PendingToolCall[] {
  return Array.from({ length: count }, (_, index) => ({
    tool_call_id: `${runId.slice(-4)}.${attempt}.${index}`,
    name: 'send_mail',
    arguments: '{}',
    slice_id: 's1',
    agent_id: 'tables',
  }));
}

export const park: RunCommandArbitrary = (tally) =>
  fc.tuple(writer, fc.integer({ min: 1, max: 2 })).map(([at, count]) =>
    toWriterCommand(tally, {
      name: 'park',
      at,
      values: [count],
      async run(by, model) {
        const calls = toCalls(by, count);
        const said = await toSaying(by.park(calls, [{ type: 'requires_action', data: {} }]));
        const ids = calls.map((call) => call.tool_call_id);
        return [said, model.park(by, ids)];
      },
    }),
  );

/** Longer than any test: only `delay over` ends it. */
const DELAY_MS = 3_600_000;

export const retryLater: RunCommandArbitrary = (tally) =>
  fc.tuple(writer, fc.boolean()).map(([at, isDelayed]) =>
    toWriterCommand(tally, {
      name: 'retry later',
      at,
      values: [isDelayed],
      async run(by, model) {
        const { slotType } = model.runs.get(by.runId)!;
        const said = await toSaying(by.retryLater(isDelayed ? DELAY_MS : 0, [{ type: 'retry', data: {} }]));
        return [said, model.waitAgain(by, { failure: true, slotType, isDelayed })];
      },
    }),
  );

export const moveTo: RunCommandArbitrary = (tally) =>
  fc.tuple(writer, fc.constantFrom(...SLOT_TYPES), fc.boolean()).map(([at, slotType, isDelayed]) =>
    toWriterCommand(tally, {
      name: 'move',
      at,
      values: [slotType, isDelayed],
      async run(by, model) {
        const said = await toSaying(by.moveTo(slotType, isDelayed ? DELAY_MS : 0, { planner: 'none', usage: NO_USAGE, slices: [] }));
        return [said, model.waitAgain(by, { failure: false, slotType, isDelayed })];
      },
    }),
  );

const several = fc.tuple(processAt, fc.array(writer, { minLength: 1, maxLength: 4 }));

function writersAt(model: RunModel, system: RunSystem, picks: readonly WriterPick[]): readonly RunWriter[] {
  return [...new Set(picks.flatMap((at) => writerAt(model, system, at) ?? []))];
}

/** The ids of those runs that none of these has any more. */
function lostOf(model: RunModel, held: readonly RunWriter[]): readonly string[] {
  const kept = new Set(held.filter((by) => model.holds(by)).map(({ runId }) => runId));
  return held.map(({ runId }) => runId).filter((runId) => !kept.has(runId));
}

export const beat: RunCommandArbitrary = (tally) =>
  several.map(([process, picks]) =>
    toCommand(tally, {
      name: 'beat',
      values: [process, picks],
      check: hasBegun,
      async run(model, system) {
        const held = writersAt(model, system, picks);
        const lost = lostOf(model, held);
        expect(await storeAt(system, process).findLost(held)).toEqual(lost);
        expect(await storeAt(system, process).renew(held)).toEqual(lost);
        model.renew(held);
        return lost.length > 0 ? 'some lost' : 'all held';
      },
    }),
  );

export const handBack: RunCommandArbitrary = (tally) =>
  several.map(([process, picks]) =>
    toCommand(tally, {
      name: 'hand back',
      values: [process, picks],
      check: hasBegun,
      async run(model, system) {
        const held = writersAt(model, system, picks);
        const isAny = held.some((by) => model.holds(by));
        await storeAt(system, process).handBack(held);
        model.handBack(held);
        return isAny ? 'some' : 'none';
      },
    }),
  );
