import { SESSION_STRATEGIES } from '@rubot/contracts/runs';
import fc from 'fast-check';
import { expect } from 'vitest';
import type { Admission, Admitted, NewRun } from '../../src/runs/run-store.ts';
import { hasRuns, newest, ownerOf, pick, processAt, type RunCommandArbitrary, slotType, storeAt, tenant, toCommand } from './command.ts';
import type { ModelRequest } from './model.ts';
import { type RunSystem, toSaying } from './system.ts';

type Request = Omit<ModelRequest, 'id'>;

const request: fc.Arbitrary<Request> = fc.record({
  tenant,
  session: fc.constantFrom('s1', 's2'),
  strategy: fc.oneof({ arbitrary: fc.constant(undefined), weight: 2 }, { arbitrary: fc.constantFrom(...SESSION_STRATEGIES), weight: 1 }),
  slotType,
  mayBegin: fc.boolean(),
  key: fc.oneof({ arbitrary: fc.constant(undefined), weight: 2 }, { arbitrary: fc.constantFrom('k1', 'k2'), weight: 1 }),
  fingerprint: fc.oneof({ arbitrary: fc.constant('same'), weight: 4 }, { arbitrary: fc.constant('other'), weight: 1 }),
});

let runCount = 0;

function newRunId(): string {
  runCount += 1;
  return `run_${runCount.toString(16).padStart(32, '0')}`;
}

function toAdmission(runId: string, { strategy, mayBegin, key, fingerprint, ...asked }: Request): Admission {
  const run: NewRun = {
    runId,
    caller: { ...ownerOf(asked.tenant), sessionId: asked.session, dataBearer: 'the-data-bearer' },
    bearerGrant: 'the-grant',
    request: { model: 'rubot', messages: [{ role: 'user', content: 'hi' }] },
    allowedAgents: null,
    timeoutMs: 60_000,
    isBackground: true,
    isLimited: false,
    priority: 'normal',
    slotType: asked.slotType,
    traceId: 'a'.repeat(32),
    spanId: 'b'.repeat(16),
  };
  return { run, mayBegin, idempotency: key === undefined ? undefined : { key, fingerprint }, session: strategy };
}

function admit(system: RunSystem, index: number, admission: Admission): Promise<string> {
  const admitted = storeAt(system, index).admit(admission);
  return toSaying(admitted.then((answer) => keepWriter(system, answer)));
}

function keepWriter({ writers }: RunSystem, admitted: Admitted): string {
  if (admitted.status === 'begun') writers.push(admitted.writer);
  return admitted.status === 'known' ? `known ${admitted.runId}` : admitted.status;
}

function firstWordOf(said: string): string {
  return said.split(' ')[0] ?? '';
}

export const admitOne: RunCommandArbitrary = (tally) =>
  fc.tuple(processAt, request).map(([index, asked]) =>
    toCommand(tally, {
      name: 'admit',
      values: [index, asked],
      async run(model, system) {
        const id = newRunId();
        const said = await admit(system, index, toAdmission(id, asked));
        expect(said).toBe(model.admit({ ...asked, id }));
        return firstWordOf(said);
      },
    }),
  );

export const admitAgain: RunCommandArbitrary = (tally) =>
  fc.tuple(processAt, pick, request).map(([index, at, asked]) =>
    toCommand(tally, {
      name: 'admit again',
      values: [index, at, asked],
      check: hasRuns,
      async run(model, system) {
        const id = newest([...model.runs.keys()], at)!;
        const said = await admit(system, index, toAdmission(id, asked));
        const expected = model.admit({ ...asked, id });
        // Of two reasons to refuse it, either will do.
        expect(expected === 'conflict' ? [expected, 'rate_limited'] : [expected]).toContain(said);
        return firstWordOf(said);
      },
    }),
  );

/** Two copies of one request, as an SDK sends them that has lost patience: one run, whoever is first. */
export const admitCopies: RunCommandArbitrary = (tally) =>
  request.map((asked) =>
    toCommand(tally, {
      name: 'admit copies',
      values: asked,
      async run(model, system) {
        const ids = [newRunId(), newRunId()];
        const keyed = { ...asked, key: 'of copies', fingerprint: 'same' };
        const said = await Promise.all(ids.map((id, index) => admit(system, index, toAdmission(id, keyed))));
        const isSecondFirst = said[0]?.startsWith('known') === true;
        for (const index of isSecondFirst ? [1, 0] : [0, 1]) expect(said[index]).toBe(model.admit({ ...keyed, id: ids[index] ?? '' }));
        return said.map(firstWordOf).sort().join(', ');
      },
    }),
  );

/** From the best to the worst that can be said. */
const RANKS = ['begun', 'queued', 'rate_limited'];

/** Requests alike, in the same moment: the limits hold for all of them together. */
export const admitTogether: RunCommandArbitrary = (tally) =>
  fc.tuple(request, fc.integer({ min: 2, max: 4 })).map(([asked, count]) =>
    toCommand(tally, {
      name: 'admit together',
      values: [asked, count],
      async run(model, system) {
        const alike = { ...asked, key: undefined, strategy: undefined };
        const ids = Array.from({ length: count }, newRunId);
        const answers = await Promise.all(
          ids.map(async (id, index) => ({ id, said: await admit(system, index % 2, toAdmission(id, alike)) })),
        );
        answers.sort((one, other) => RANKS.indexOf(one.said) - RANKS.indexOf(other.said));
        const expected = answers.map(({ id }) => model.admit({ ...alike, id }));
        expect(answers.map(({ said }) => said)).toEqual(expected);
        return [...new Set(expected)].join(', ');
      },
    }),
  );
