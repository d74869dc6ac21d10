import { randomInt } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Tally } from './run-model/command.ts';
import { createRunCommands } from './run-model/commands.ts';
import { createRunModel } from './run-model/model.ts';
import { openRunSystem, type Rewrite, type RunSystem } from './run-model/system.ts';

/** The long form: RUN_STORE_SEQUENCES=20000. A seed that was printed once: FAST_CHECK_SEED. */
const SEQUENCES = Number(process.env['RUN_STORE_SEQUENCES'] ?? 300);
const SEED = Number(process.env['FAST_CHECK_SEED'] ?? randomInt(2 ** 31));
const MAX_COMMANDS = 100;
const MS_PER_SEQUENCE = 1_000;

const limits = fc.record(
  {
    concurrency: fc.oneof({ arbitrary: fc.constant(undefined), weight: 2 }, { arbitrary: fc.constantFrom(1, 2), weight: 1 }),
    queueDepth: fc.constantFrom(2, 1_000),
  },
  { noNullPrototype: true },
);

/** Does the same to the store and to the model, and holds them against each other after each command. */
function toProperty(system: RunSystem, tally: Tally) {
  const commands = fc.commands(createRunCommands(tally), { maxCommands: MAX_COMMANDS, size: 'max' });
  return fc.asyncProperty(limits, commands, async (withLimits, sequence) => {
    await system.reset(withLimits);
    await fc.asyncModelRun(() => ({ model: createRunModel(withLimits), real: system }), sequence);
  });
}

/** So often at least, of a hundred sequences, each of these must have been done, and must have come out so. */
const LEAST_PER_HUNDRED: Readonly<Record<string, number>> = {
  'admit: begun': 30,
  'admit: queued': 30,
  'admit copies: begun, known': 10,
  'claim: some': 40,
  'claim together: some': 10,
  'write: done': 25,
  'write: conflict': 25,
  'finish: done': 10,
  'finish: conflict': 10,
  'beat: some lost': 10,
  'hand back: some': 10,
  'retry later: done': 8,
  'park: done': 10,
  'decide: done': 1,
  'cancel: true': 15,
  'finish and cancel: conflict, true': 5,
  'finish and cancel: done, false': 5,
  'crash: requeued': 20,
  'crash: buried': 0.5,
  'redrive: done': 0.5,
};

describe('the run store', () => {
  it(
    'says and holds what the model does, whatever is done to it',
    async () => {
      process.stdout.write(`run store against its model: seed ${SEED}, ${SEQUENCES} sequences\n`);
      const tally: Tally = new Map();
      await fc.assert(toProperty(await openRunSystem(), tally), { seed: SEED, numRuns: SEQUENCES });
      const count = [...tally.values()].reduce((sum, times) => sum + times, 0);
      process.stdout.write(
        `${count} commands: ${[...tally]
          .sort()
          .map(([came, times]) => `${came} ${times}`)
          .join('; ')}\n`,
      );
      expect(count).toBeGreaterThan(SEQUENCES * 10);
      for (const [came, least] of Object.entries(LEAST_PER_HUNDRED)) {
        expect(tally.get(came) ?? 0, came).toBeGreaterThanOrEqual((least * SEQUENCES) / 100);
      }
    },
    60_000 + SEQUENCES * MS_PER_SEQUENCE,
  );
});

/** Statements as somebody might have written them; each breaks one promise. */
const BUGS: Readonly<Record<string, Rewrite>> = {
  'an attempt that was superseded may write': (text) =>
    text
      .replace(/AND attempt = (\$\d+) AND status = 'running'/, "AND $1::integer > 0 AND status = 'running'")
      .replace('AND asked.attempt = runs.attempt', '')
      .replace('AND runs.attempt = asked.attempt', ''),
  'several events of one write are numbered from the wrong end': (text) =>
    text
      .replace(/last_seq - (\$\d+) AS base/, 'last_seq - least(1, $1::integer) AS base')
      .replace('last_seq - asked.event_count AS base', 'last_seq - least(1, asked.event_count) AS base'),
  'a crash is not counted': (text) => text.replace(', crash_count = crash_count + 1', ''),
  'a run that was cancelled may still be written': (text) =>
    text.includes('asked.attempt')
      ? text.replaceAll("runs.status = 'running'", 'true')
      : text.replace(/(AND attempt = \$\d+) AND status = 'running'/, '$1'),
  'a run is taken from a process that lives': (text) => text.replaceAll('lease_until <= now()', 'lease_until IS NOT NULL'),
  'a key is shared by all tenants': (text) =>
    text.replace(
      /WHERE known.tenant_id = (\$\d+) AND known.sender_id = (\$\d+) AND key =/,
      'WHERE $1::text IS NOT NULL AND $2::text IS NOT NULL AND key =',
    ),
  'of two decisions in one moment both count': (text) =>
    text.replace(/(FROM runs WHERE run_id = \$\d+ AND tenant_id = \$\d+ AND sender_id = \$\d+) FOR UPDATE/, '$1'),
};
/** In fact about every tenth sequence finds the bug that is hardest to find. */
const SEQUENCES_PER_BUG = 300;

describe('the comparison', () => {
  it(
    'finds out what is wrong with a store',
    async () => {
      process.stdout.write(`stores with a bug against the model: seed ${SEED}\n`);
      let bug: Rewrite = (text) => text;
      let isApplied = false;
      const system = await openRunSystem((text) => {
        const rewritten = bug(text);
        isApplied ||= rewritten !== text;
        return rewritten;
      });
      for (const [name, rewrite] of Object.entries(BUGS)) {
        bug = rewrite;
        isApplied = false;
        const found = await fc.check(toProperty(system, new Map()), { seed: SEED, numRuns: SEQUENCES_PER_BUG, endOnFailure: true });
        expect(isApplied, `the store has no statement any more in which: ${name}`).toBe(true);
        expect(found.failed, name).toBe(true);
        process.stdout.write(`${name}: found by sequence ${found.numRuns}\n`);
      }
    },
    SEQUENCES_PER_BUG * MS_PER_SEQUENCE,
  );
});
