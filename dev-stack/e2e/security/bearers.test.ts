import { makeActionHandle, makeApiToken } from '@rubot/bearer/api-token';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { askCrowd, type Tally } from './_crowd.ts';
import { type BearerDoor, type Doors, issueOpaque, type OpaqueCredentials, openDoors } from './_doors.ts';
import { type Edge, RETIRED_SECRET, SECRETS, startEdge } from './_edge.ts';
import { type BearerKind, forgeriesOf, signSound, spoil } from './_forgeries.ts';

/** In all, a hundred thousand in this process, and some thousand through workerd. */
const COUNTS = { 'data bearer': 45_000, grant: 15_000, 'action bearer': 40_000 } as const;
const WORKERD_SHARE = 0.05;
const OPAQUE_COUNT = 5_000;
/** Each is a question to the database. */
const UNKNOWN_COUNT = 300;
/** Among so many false ones one that is good: a door that lets nobody in would pass this test too. */
const SOUND_EVERY = 500;

const seed = Number(process.env['FAST_CHECK_SEED'] ?? Date.now() % 2_147_483_647);
let edge: Edge;
let doors: Doors;
let opaque: OpaqueCredentials;
beforeAll(async () => {
  process.stdout.write(`bearers: FAST_CHECK_SEED=${seed}\n`);
  edge = await startEdge();
  doors = await openDoors(edge);
  opaque = await issueOpaque(edge);
});
afterAll(() => edge.stop());

interface Attempt {
  readonly token: string;
  readonly what: string;
}

const SOUND = 'sound';

function* mix(forgeries: fc.Arbitrary<Attempt>, makeSound: () => string, count: number): Generator<Attempt> {
  let made = 0;
  for (const attempt of fc.sample(forgeries, { seed, numRuns: count })) {
    if (made % SOUND_EVERY === 0) yield { token: makeSound(), what: SOUND };
    made += 1;
    yield attempt;
  }
}

function isRight({ status }: Response, { what }: Attempt): boolean {
  return what === SOUND ? status === 200 : status >= 400 && status < 500;
}

/** With its head and claims in clear, as far as there are any. */
function explain({ token, what }: Attempt): string {
  const parts = token.split('.').slice(0, 2);
  return `${what}: ${parts.map((part) => Buffer.from(part, 'base64url').toString('latin1')).join(' ')} in ${token}`;
}

function expectHeld({ statuses, wrong }: Tally, count: number): void {
  process.stdout.write(`bearers: ${expect.getState().currentTestName}: ${JSON.stringify(statuses)}\n`);
  expect(wrong, `FAST_CHECK_SEED=${seed}`).toEqual([]);
  const expected = Math.ceil(count / SOUND_EVERY);
  expect(statuses['200']).toBe(expected);
  expect(Object.values(statuses).reduce((sum, of) => sum + of, 0)).toBe(count + expected);
}

describe.each(['data bearer', 'grant', 'action bearer'] as const)('of forged tokens in place of a %s', (name) => {
  async function attack(ask: BearerDoor['ask'], count: number): Promise<void> {
    const { kind } = doors[name];
    const otherKinds = Object.values(doors).flatMap((door: BearerDoor): BearerKind[] => (door.kind === kind ? [] : [door.kind]));
    const { BEARER_SIGNING_SECRET: secret, ...others } = SECRETS;
    const forgeries = forgeriesOf({ kind, otherKinds, secret, retiredSecret: RETIRED_SECRET, otherSecrets: Object.values(others) });
    const items = mix(forgeries, () => signSound(kind, secret), count);
    expectHeld(await askCrowd({ items, ask: ({ token }) => ask(token), isRight, describe: explain }), count);
  }

  it('none is let in, and none is a failure of ours', { timeout: 240_000 }, () => attack(doors[name].ask, COUNTS[name]));

  it('none is let in by workerd either', { timeout: 120_000 }, () => {
    return attack(doors[name].askWorkerd, Math.floor(COUNTS[name] * WORKERD_SHARE));
  });
});

describe.each([
  ['API token', makeApiToken],
  ['action handle', makeActionHandle],
] as const)('of false texts in place of an %s', (name, make) => {
  it('none opens anything: spoiled, unknown, revoked, or of another tenant', { timeout: 120_000 }, async () => {
    const sound = opaque.sound[name];
    const unknown = fc.constant(null).map(() => ({ token: make(), what: 'unknown' }));
    const useless = fc.constantFrom(...opaque.useless[name]).map((token) => ({ token, what: 'useless' }));
    const spoiled = spoil(fc.constant(sound)).map((token) => ({ token, what: 'spoiled' }));
    function* items(): Generator<Attempt> {
      yield* mix(spoiled, () => sound, OPAQUE_COUNT);
      yield* mix(fc.oneof(unknown, useless), () => sound, UNKNOWN_COUNT);
    }
    const { statuses, wrong } = await askCrowd({ items: items(), ask: ({ token }) => opaque.ask[name](token), isRight, describe: explain });
    process.stdout.write(`bearers: ${name}: ${JSON.stringify(statuses)}\n`);
    expect(wrong, `FAST_CHECK_SEED=${seed}`).toEqual([]);
    expect(statuses['200']).toBe(Math.ceil(OPAQUE_COUNT / SOUND_EVERY) + Math.ceil(UNKNOWN_COUNT / SOUND_EVERY));
  });
});
