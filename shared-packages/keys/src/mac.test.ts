import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ALONE, FORMER_ALONE, SWITCHED } from '../tests/_secrets.ts';
import { deriveMacKeys } from './derive.ts';
import { isRightMac, makeMac, makeMacs } from './mac.ts';

const PURPOSE = 'link-pins/v1';

it('is right for its text and for no other', async () => {
  const ring = await deriveMacKeys(ALONE, PURPOSE);
  await fc.assert(
    fc.asyncProperty(fc.string(), fc.string(), async (text, other) => {
      const mac = await makeMac(ring, text);
      expect(await isRightMac(ring, mac, text)).toBe(true);
      expect(await isRightMac(ring, mac, other)).toBe(other === text);
    }),
  );
});

it('is wrong with any letter changed, cut off or added, and fails in no other way', async () => {
  const ring = await deriveMacKeys(ALONE, PURPOSE);
  const { keyId, mac } = await makeMac(ring, '123456');
  const index = fc.nat(mac.length - 1);
  const letter = fc.constantFrom(...'ABCxyz019-_.=+/ \u00e9\0');
  const changed = fc.oneof(
    fc.tuple(index, letter).map(([at, by]) => mac.slice(0, at) + by + mac.slice(at + 1)),
    index.map((length) => mac.slice(0, length)),
    letter.map((more) => mac + more),
    fc.string(),
  );
  let refused = 0;
  await fc.assert(
    fc.asyncProperty(changed, async (wrong) => {
      fc.pre(wrong !== mac);
      expect(await isRightMac(ring, { keyId, mac: wrong }, '123456')).toBe(false);
      refused += 1;
    }),
    { numRuns: 500 },
  );
  expect(refused).toBeGreaterThan(400);
});

it('says nothing to who holds the secret for another purpose, under any key id', async () => {
  const ring = await deriveMacKeys(ALONE, PURPOSE);
  const others = await Promise.all(
    (['audit-heads/v1', 'link-pins/v2', 'bearer/rubot-middleware/v1'] as const).map((purpose) => deriveMacKeys(ALONE, purpose)),
  );
  const made = await makeMac(ring, 'text');
  for (const other of others) {
    expect(other.current.keyId).not.toBe(ring.current.keyId);
    expect(await isRightMac(other, made, 'text')).toBe(false);
    expect(await isRightMac(other, { ...made, keyId: other.current.keyId }, 'text')).toBe(false);
    expect(await isRightMac(ring, { ...(await makeMac(other, 'text')), keyId: ring.current.keyId }, 'text')).toBe(false);
  }
});

it('is made with the current key and checked with either, while the secret is rotated', async () => {
  const [ring, former, alone] = await Promise.all([SWITCHED, FORMER_ALONE, ALONE].map((secret) => deriveMacKeys(secret, PURPOSE)));
  if (ring === undefined || former === undefined || alone === undefined) throw new Error('three rings');
  expect(await makeMac(ring, 'text')).toEqual(await makeMac(alone, 'text'));
  expect(await isRightMac(ring, await makeMac(former, 'text'), 'text')).toBe(true);
  expect(await isRightMac(alone, await makeMac(former, 'text'), 'text')).toBe(false);
  expect(await isRightMac(ring, { ...(await makeMac(former, 'text')), keyId: ring.current.keyId }, 'text')).toBe(false);
});

it('finds what was made under any key that is held', async () => {
  const [ring, former, alone] = await Promise.all([SWITCHED, FORMER_ALONE, ALONE].map((secret) => deriveMacKeys(secret, PURPOSE)));
  if (ring === undefined || former === undefined || alone === undefined) throw new Error('three rings');
  const both = await makeMacs(ring, 'text');
  expect(both).toHaveLength(2);
  expect(both).toEqual(expect.arrayContaining([await makeMac(former, 'text'), await makeMac(alone, 'text')]));
  expect(await makeMacs(alone, 'text')).toEqual([await makeMac(alone, 'text')]);
});

it('keeps its keys to itself', async () => {
  const { current, byKeyId } = await deriveMacKeys(SWITCHED, PURPOSE);
  expect(current.keyId).toMatch(/^[0-9a-f]{16}$/);
  expect(byKeyId.get(current.keyId)).toBe(current.key);
  expect(current.key.usages).toEqual(['sign', 'verify']);
  for (const key of byKeyId.values()) await expect(crypto.subtle.exportKey('raw', key)).rejects.toThrow();
});
