import { readFile } from 'node:fs/promises';
import { deriveMacKeys, deriveSealKeys } from '@rubot/keys/derive';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRandom } from '../../nemesis/random.ts';
import { findDeployables } from '../../src/docs/find-deployables.ts';
import { REPOSITORY } from '../../src/repository.ts';
import { seedDemo } from '../../src/seed/seed-demo.ts';
import { completeKeys } from '../../src/stack/keys.ts';
import { type Bystanders, createPatientModel, gatherBystanders } from './_deeds.ts';
import { findDoors } from './_doors.ts';
import { type Fleet, MEMBERS, type Member, startFleet } from './_fleet.ts';
import { type Load, startLoad } from './_load.ts';
import { findRotatingNames, makeRotatedSecrets, type Phase } from './_rotation-plan.ts';

/** How often each deed is seen through while a deployable is there in two versions. */
const TIMES = 2;
const PATIENT = 4;
const random = createRandom(Number(process.env['ROTATION_SEED'] ?? Date.now() % 2 ** 31));
const secrets = makeRotatedSecrets(findRotatingNames(await findDeployables(REPOSITORY)));
const model = createPatientModel();
const deedsOfBefore = ['data bearer of before', 'grant of before', 'action bearer of before'];

/** What clients are in: each changes at a moment of its own while both values are taken. */
let phase: Phase = 'before';
let fleet: Fleet;
let bystanders: Bystanders;
let load: Load;

function secretOf(name: string): string {
  const secret = secrets[name];
  if (secret === undefined) throw new Error(`${name} is not rotated`);
  const isNew = phase === 'drop' || (phase === 'switch' && Math.random() < 0.5);
  return isNew ? secret.new : secret.old;
}

beforeAll(async () => {
  fleet = await startFleet(secrets);
  fleet.model.otherwise(model.answer);
  const old = Object.fromEntries(Object.entries(secrets).map(([name, secret]) => [name, secret.old]));
  await seedDemo({ middlewareUrl: fleet.urlOf('middleware'), keys: completeKeys(old) });
  bystanders = await gatherBystanders(fleet, secrets, { secretOf });
  load = startLoad(bystanders.deeds);
}, 120_000);
afterAll(async () => {
  model.letGo();
  await load?.stop();
  await fleet?.stop();
});

/** In any order: no phase may need one of them to be first. */
async function rollOut(next: Phase, meanwhile: (member: Member) => Promise<void> = async () => {}): Promise<void> {
  const order = MEMBERS.map((member) => ({ member, place: random.next() })).sort((one, other) => one.place - other.place);
  for (const { member } of order) {
    await fleet.rollOut(member, next, async () => {
      await meanwhile(member);
      await load.untilEachWasDone(TIMES);
    });
    expect(load.failures).toEqual([]);
  }
}

let people = 0;
async function link(pin: string): Promise<void> {
  people += 1;
  await bystanders.linkBy(pin, `+1555030${people}`);
}

/** Which keys something in the database was made with. */
async function keyIdsIn(table: string): Promise<readonly string[]> {
  const database = await fleet.workers.databaseOf('middleware-drop', 'DB');
  const { results } = await database.prepare(`select distinct key_id from ${table}`).all<{ key_id: string }>();
  return results.map(({ key_id }) => key_id);
}

it('rotates every secret at once, by docs/rotation.md, and no request fails', { timeout: 300_000 }, async () => {
  console.log(`rotation: ROTATION_SEED=${random.seed}`);
  await load.untilEachWasDone(TIMES);
  const pins = [await bystanders.createPin()];

  await rollOut('accept');
  pins.push(await bystanders.createPin());
  const patient = Array.from({ length: PATIENT }, () => bystanders.askPatiently());
  await model.untilWaiting(PATIENT);

  phase = 'switch';
  await rollOut('switch', async (member) => {
    // Made by the one version and used at the other, either way round.
    if (member === 'middleware') for (let count = 0; count < 6; count += 1) await link(await bystanders.createPin());
  });
  for (const pin of pins) await link(pin);
  // Their bearers were signed before the switch, and have tools to call after it.
  model.letGo();
  await Promise.all(patient);
  await bystanders.reencrypt();

  phase = 'drop';
  await load.retire(deedsOfBefore);
  await load.untilEachWasDone(1);
  await rollOut('drop');
  await load.untilEachWasDone(TIMES);

  await load.stop();
  expect(load.failures).toEqual([]);
  for (const { name } of bystanders.deeds)
    expect([name, load.successesOf(name)]).toEqual([name, expect.toSatisfy((count) => count >= 8 * TIMES)]);
  for (const { status, name, lastWords } of await fleet.untilDrained()) expect([name, status, lastWords]).toEqual([name, 0, []]);
});

describe('after it', () => {
  it('nothing opens to an old secret, and everything to a new one', async () => {
    const doors = findDoors(fleet, { secretOf }, bystanders.tokenId);
    for (const { secretName, place, show } of doors) {
      const secret = secrets[secretName];
      const [old, fresh] = [await show(secret?.old ?? ''), await show(secret?.new ?? '')];
      expect([place, old]).toEqual([place, expect.toSatisfy((status) => status === 401 || status === 403)]);
      expect([place, fresh]).toEqual([place, 200]);
    }
    const sealing = ['ENCRYPTION_SECRET'];
    expect([...new Set(doors.map(({ secretName }) => secretName)), ...sealing].sort()).toEqual(Object.keys(secrets).sort());
  });

  it('nothing that is kept needs the old ENCRYPTION_SECRET', async () => {
    const secret = { current: secrets['ENCRYPTION_SECRET']?.new ?? '', previous: undefined };
    expect(await keyIdsIn('audit_heads')).toEqual([(await deriveMacKeys(secret, 'audit-heads/v1')).current.keyId]);
    expect(await keyIdsIn('credentials')).toEqual([(await deriveSealKeys(secret, 'credentials/v1')).current.keyId]);
  });
});

it.each(Object.keys(secrets))('docs/rotation.md says how %s is rotated', async (name) => {
  expect(await readFile(new URL('docs/rotation.md', REPOSITORY), 'utf8')).toContain(`## ${name}`);
});
