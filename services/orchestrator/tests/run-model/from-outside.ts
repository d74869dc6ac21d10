import { DECISIONS } from '@rubot/contracts/runs';
import fc from 'fast-check';
import { expect } from 'vitest';
import {
  hasBegun,
  hasRuns,
  newest,
  ownerOf,
  pick,
  processAt,
  type RunCommandArbitrary,
  runsIn,
  storeAt,
  stranger,
  toCommand,
  writer,
  writerAt,
} from './command.ts';
import { isOpen, type ModelRun } from './model.ts';
import { toSaying } from './system.ts';
import { finishBy } from './writes.ts';

function isAsked({ pending, decided }: ModelRun): boolean {
  return pending.length > 0 || Object.keys(decided).length > 0;
}

/** One person's decision on a call, or the same one from two windows at once. */
export const decide: RunCommandArbitrary = (tally) =>
  fc.tuple(pick, fc.nat(2), fc.constantFrom(...DECISIONS), stranger, fc.boolean()).map(([at, callAt, decision, other, isTwice]) =>
    toCommand(tally, {
      name: isTwice ? 'decide twice' : 'decide',
      values: [at, callAt, decision, other],
      check: (model) => runsIn(model, isAsked).length > 0,
      async run(model, system) {
        const run = newest(runsIn(model, isAsked), at)!;
        const toolCallId = [...run.pending, ...Object.keys(run.decided)].at(callAt) ?? 'no such call';
        const approval = { runId: run.id, toolCallId, decision: { decision }, dataBearer: 'of-the-decider', bearerGrant: undefined };
        const owner = other ?? run.tenant;
        const processes = isTwice ? [0, 1] : [0];
        const said = await Promise.all(
          processes.map((process) => toSaying(storeAt(system, process).decide(approval, ownerOf(owner), undefined))),
        );
        const expected = said.map(() => model.decide(run.id, owner, toolCallId, decision));
        expect(said.sort()).toEqual(expected.sort());
        return said.join(', ');
      },
    }),
  );

export const cancel: RunCommandArbitrary = (tally) =>
  fc.tuple(processAt, pick, stranger).map(([process, at, other]) =>
    toCommand(tally, {
      name: 'cancel',
      values: [process, at, other],
      check: hasRuns,
      async run(model, system) {
        const run = newest([...model.runs.values()], at)!;
        const owner = other ?? run.tenant;
        const said = await storeAt(system, process).cancel(run.id, ownerOf(owner), undefined);
        expect(said).toBe(model.cancel(run.id, owner));
        return String(said);
      },
    }),
  );

/** One outcome, whoever is first. */
export const finishAndCancel: RunCommandArbitrary = (tally) =>
  fc.tuple(writer, fc.boolean()).map(([at, isCancelFirst]) =>
    toCommand(tally, {
      name: 'finish and cancel',
      values: [at, isCancelFirst],
      check: hasBegun,
      async run(model, system) {
        const by = writerAt(model, system, at);
        if (by === undefined) return 'nobody';
        const { id, tenant } = model.runs.get(by.runId)!;
        const acts = [() => finishBy(by, 'completed'), () => toSaying(system.stores[1].cancel(id, ownerOf(tenant), undefined))];
        const said = (await Promise.all((isCancelFirst ? acts.toReversed() : acts).map((act) => act()))).sort();
        // The model does them in the order in which the store has.
        const isFinished = said.includes('done');
        const finished = isFinished ? model.end(by, 'completed') : undefined;
        const cancelled = String(model.cancel(id, tenant));
        expect(said).toEqual([finished ?? model.end(by, 'completed'), cancelled].sort());
        return said.join(', ');
      },
    }),
  );

/** An operator has a dead letter tried again, or takes another run for one. */
export const redrive: RunCommandArbitrary = (tally) =>
  fc.tuple(processAt, pick, fc.boolean(), fc.boolean()).map(([process, at, isMeant, isTwice]) =>
    toCommand(tally, {
      name: isTwice ? 'redrive twice' : 'redrive',
      values: [process, at, isMeant],
      check: (model) => runsIn(model, ({ isDead }) => isDead).length > 0,
      async run(model, system) {
        const { id } = newest(
          runsIn(model, ({ isDead }) => isDead || !isMeant),
          at,
        )!;
        const processes = isTwice ? [0, 1] : [process];
        const said = await Promise.all(processes.map((one) => toSaying(storeAt(system, one).redrive(id))));
        const expected = said.map(() => model.redrive(id));
        expect(said.sort()).toEqual(expected.sort());
        return said.join(', ');
      },
    }),
  );

/** What a reader is told: the events behind any number, and the run as it stands. */
export const read: RunCommandArbitrary = (tally) =>
  fc.tuple(processAt, pick, fc.nat(6), fc.integer({ min: 1, max: 5 })).map(([process, at, afterSeq, limit]) =>
    toCommand(tally, {
      name: 'read',
      values: [process, at, afterSeq, limit],
      check: hasRuns,
      async run(model, system) {
        const run = newest([...model.runs.values()], at)!;
        const store = storeAt(system, process);
        const seqs = (await store.readEvents(run.id, afterSeq, limit)).map(({ seq }) => seq);
        const all = run.events.map((_, index) => index + 1);
        expect(seqs).toEqual(all.filter((seq) => seq > afterSeq).slice(0, limit));
        const found = await store.find(run.id, ownerOf(run.tenant));
        expect(found).toMatchObject({ id: run.id, status: run.status, attempt: run.attempt, last_seq: run.events.length });
        expect(await store.find(run.id, ownerOf('stranger'))).toBeUndefined();
        return isOpen(run) ? 'open' : 'ended';
      },
    }),
  );
