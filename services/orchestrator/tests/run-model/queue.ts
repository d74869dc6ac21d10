import type { SlotType } from '@rubot/contracts/agent';
import fc from 'fast-check';
import { expect } from 'vitest';
import type { ClaimedRun, RunStore } from '../../src/runs/run-store.ts';
import { newest, pick, processAt, type RunCommandArbitrary, runsIn, slotType, storeAt, toCommand } from './command.ts';
import { type RunModel, sessionOf } from './model.ts';
import type { RunSystem } from './system.ts';

interface Claim {
  readonly process: number;
  readonly limit: number;
}

/** Which of those that may be taken are taken, is the store's to say; not how many, and not what becomes of them. */
async function claim(model: RunModel, system: RunSystem, type: SlotType, claims: readonly Claim[]): Promise<string> {
  const takeable = model.takeable(type);
  const answers = await Promise.all(claims.map(({ process, limit }) => storeAt(system, process).claimQueued(type, limit)));
  const claimed = answers.flat();
  const { tickets } = await system.read();
  const taken = [...model.tickets.keys()].filter((id) => !(id in tickets));
  for (const id of taken) expect(takeable).toContain(id);
  // A ticket of a run that has ended is taken too, and comes to nothing.
  const begun = taken.filter((id) => model.take(id));
  expect(claimed.map(({ runId }) => runId).sort()).toEqual(begun.sort());
  expectAsManyAsMayBe(model, type, claims, { takeable: takeable.length, taken: taken.length, claimed: claimed.length });
  for (const run of claimed) expectWhole(run, model);
  system.writers.push(...claimed.map((run) => run.writer));
  return claimed.length > 0 ? 'some' : 'none';
}

interface Counts {
  readonly takeable: number;
  readonly taken: number;
  readonly claimed: number;
}

function expectAsManyAsMayBe(model: RunModel, type: SlotType, claims: readonly Claim[], { takeable, taken, claimed }: Counts): void {
  const room = claims.reduce((sum, { limit }) => sum + limit, 0);
  expect(claimed).toBeLessThanOrEqual(room);
  if (model.limits.concurrency === undefined) expect(taken).toBe(Math.min(takeable, room));
  // Where tenants are counted, one that is taken may keep back another; nobody waits for nothing.
  else if (claimed < room && claims.length === 1) expect(model.takeable(type)).toEqual([]);
}

/** All that is needed to go on where the last attempt has stopped. */
function expectWhole({ runId, writer: { attempt }, failureCount, steps, decisions, earlier }: ClaimedRun, model: RunModel): void {
  const run = model.runs.get(runId)!;
  expect({ attempt, failureCount }).toEqual({ attempt: run.attempt, failureCount: run.failureCount });
  expect(steps.map(({ sliceId, step }) => `${sliceId}/${step.index}`)).toEqual(run.steps);
  expect(Object.keys(decisions).sort()).toEqual(Object.keys(run.decided).sort());
  // Each turn is what was asked and what was answered.
  expect(earlier).toHaveLength(run.isRemembered ? 2 * (model.sessions.get(sessionOf(run))?.turns ?? 0) : 0);
}

function hasTickets({ tickets }: RunModel): boolean {
  return tickets.size > 0;
}

const limit = fc.integer({ min: 1, max: 4 });

export const claimOne: RunCommandArbitrary = (tally) =>
  fc.tuple(processAt, slotType, limit).map(([process, type, atMost]) =>
    toCommand(tally, {
      name: 'claim',
      values: [process, type, atMost],
      check: hasTickets,
      run: (model, system) => claim(model, system, type, [{ process, limit: atMost }]),
    }),
  );

export const claimTogether: RunCommandArbitrary = (tally) =>
  fc.tuple(slotType, limit, limit).map(([type, ...limits]) =>
    toCommand(tally, {
      name: 'claim together',
      values: [type, ...limits],
      check: hasTickets,
      run: (model, system) =>
        claim(
          model,
          system,
          type,
          limits.map((atMost, process) => ({ process, limit: atMost })),
        ),
    }),
  );

function hasRunning(model: RunModel): boolean {
  return runsIn(model, ({ status }) => status === 'running').length > 0;
}

/** Nothing was heard of a run for as long as its lease. */
export const lapse: RunCommandArbitrary = (tally) =>
  pick.map((at) =>
    toCommand(tally, {
      name: 'lease over',
      values: at,
      check: hasRunning,
      async run(model, system) {
        const running = runsIn(model, ({ status }) => status === 'running');
        const { id } = newest(running, at)!;
        await system.lapse(id);
        model.lapse(id);
        return 'done';
      },
    }),
  );

export const makeDue: RunCommandArbitrary = (tally) =>
  fc.constant('').map((values) =>
    toCommand(tally, {
      name: 'delay over',
      values,
      check: ({ tickets }) => [...tickets.values()].some(({ isDelayed }) => isDelayed),
      async run(model, system) {
        const delayed = [...model.tickets].filter(([, { isDelayed }]) => isDelayed);
        for (const [id] of delayed) {
          await system.makeDue(id);
          model.makeDue(id);
        }
        return 'done';
      },
    }),
  );

/** However many look at once, each run that was left is found by one of them. */
async function sweep(model: RunModel, sweepers: readonly RunStore[]): Promise<string> {
  const lapsed = runsIn(model, ({ isLapsed }) => isLapsed).map(({ id }) => id);
  const reports = await Promise.all(sweepers.map((one) => one.requeueLapsed(100)));
  const found = reports.flatMap(({ requeued, buried }) => [
    ...requeued.map((id) => ({ id, as: 'requeued' })),
    ...buried.map((id) => ({ id, as: 'buried' })),
  ]);
  expect(found.map(({ id }) => id).sort()).toEqual(lapsed.sort());
  for (const { id, as } of found) expect(model.sweep(id)).toBe(as);
  if (found.length === 0) return 'none';
  return found.some(({ as }) => as === 'buried') ? 'buried' : 'requeued';
}

function hasLapsed(model: RunModel): boolean {
  return runsIn(model, ({ isLapsed }) => isLapsed).length > 0;
}

export const sweepOnce: RunCommandArbitrary = (tally) =>
  processAt.map((process) =>
    toCommand(tally, {
      name: 'sweep',
      values: process,
      check: hasLapsed,
      run: (model, system) => sweep(model, [storeAt(system, process)]),
    }),
  );

export const sweepTogether: RunCommandArbitrary = (tally) =>
  fc
    .constant('')
    .map((values) =>
      toCommand(tally, { name: 'sweep together', values, check: hasLapsed, run: (model, system) => sweep(model, system.stores) }),
    );

/** Some process is gone, or stands still: it is found out, and what it had goes to another. It may yet come back and write. */
export const crash: RunCommandArbitrary = (tally) =>
  fc.tuple(fc.integer({ min: 1, max: 15 }), fc.boolean()).map(([victims, isTakenOver]) =>
    toCommand(tally, {
      name: 'crash',
      values: [victims, isTakenOver],
      check: hasRunning,
      async run(model, system) {
        const running = runsIn(model, ({ status }) => status === 'running');
        for (const { id } of running.filter((_, index) => ((victims >> (index % 4)) & 1) === 1)) {
          await system.lapse(id);
          model.lapse(id);
        }
        const found = await sweep(model, [system.stores[1]]);
        if (isTakenOver) await claim(model, system, 'cpu', [{ process: 1, limit: 4 }]);
        return found;
      },
    }),
  );
