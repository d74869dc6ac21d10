import { SLOT_TYPES } from '@rubot/contracts/agent';
import fc from 'fast-check';
import { expect } from 'vitest';
import type { RunStore, RunWriter } from '../../src/runs/run-store.ts';
import type { ModelRun, RunModel } from './model.ts';
import { type RunSystem, toSnapshot } from './system.ts';

export type RunCommand = fc.AsyncCommand<RunModel, RunSystem>;
export type RunCommandArbitrary = (tally: Tally) => fc.Arbitrary<RunCommand>;

/** How often each thing was done, and what came of it. */
export type Tally = Map<string, number>;

export interface CommandOptions {
  readonly name: string;
  readonly values: unknown;
  /** False where there is nothing to do it to. */
  readonly check?: (model: RunModel) => boolean;
  /** Does it to both. @returns what came of it, for the tally */
  readonly run: (model: RunModel, system: RunSystem) => Promise<string>;
}

export function toCommand(tally: Tally, { name, values, check = () => true, run }: CommandOptions): RunCommand {
  return {
    check,
    async run(model, system) {
      const came = `${name}: ${await run(model, system)}`;
      tally.set(came, (tally.get(came) ?? 0) + 1);
      expect(await system.read()).toEqual(toSnapshot(model));
    },
    toString: () => `${name}(${JSON.stringify(values)})`,
  };
}

export const NO_USAGE = { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 };

export const tenant = fc.constantFrom('acme', 'bolt');
/** Most often nobody else than whose it is. */
export const stranger = fc.oneof({ arbitrary: fc.constant(undefined), weight: 4 }, { arbitrary: tenant, weight: 1 });
export const slotType = fc.oneof(
  { arbitrary: fc.constant('cpu' as const), weight: 5 },
  { arbitrary: fc.constantFrom(...SLOT_TYPES), weight: 1 },
);
/** Which of those that there are, counted from the newest: those are meant more often. */
export const pick = fc.oneof({ arbitrary: fc.nat(2), weight: 2 }, { arbitrary: fc.nat(40), weight: 1 });
/** Which of the two processes does it. */
export const processAt = fc.nat(1);

export function newest<Thing>(things: readonly Thing[], index: number): Thing | undefined {
  return things.at(-1 - (index % things.length));
}

export function storeAt({ stores }: RunSystem, index: number): RunStore {
  return stores[index] ?? stores[0];
}

export function ownerOf(name: string) {
  return { tenantId: name, senderId: `sender of ${name}` };
}

export function runsIn(model: RunModel, isMeant: (run: ModelRun) => boolean): readonly ModelRun[] {
  return [...model.runs.values()].filter(isMeant);
}

export function hasRuns({ runs }: RunModel): boolean {
  return runs.size > 0;
}

const WHOSE = ['live', 'stale', 'any'] as const;
/** `live`: of those whose attempt is the current one; `stale`: of those whose run goes on with another. Of all, where there is none. */
export const writer = fc.record({ index: pick, whose: fc.constantFrom('live' as const, ...WHOSE) });
export type WriterPick = typeof writer extends fc.Arbitrary<infer Pick> ? Pick : never;

export function writerAt(model: RunModel, { writers }: RunSystem, { index, whose }: WriterPick): RunWriter | undefined {
  const meant = writers.filter((one) => {
    if (whose === 'live') return model.holds(one);
    return whose === 'any' || (!model.holds(one) && model.runs.get(one.runId)?.status === 'running');
  });
  return newest(meant.length > 0 ? meant : writers, index);
}

/** Somebody was given a right to write, or was as good as given one. */
export function hasBegun(model: RunModel): boolean {
  return runsIn(model, ({ attempt }) => attempt > 0).length > 0;
}
