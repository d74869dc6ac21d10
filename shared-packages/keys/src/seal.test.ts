import { RubotError } from '@rubot/errors';
import fc from 'fast-check';
import { beforeAll, expect, it } from 'vitest';
import { ALONE, FORMER_ALONE, SWITCHED } from '../tests/_secrets.ts';
import { deriveSealKeys, type KeyRing } from './derive.ts';
import { type SealContext, type Sealed, seal, unseal } from './seal.ts';

const PURPOSE = 'credentials/v1';
const CONTEXT = ['acme', 'github'];

let ring: KeyRing;
beforeAll(async () => {
  ring = await deriveSealKeys(ALONE, PURPOSE);
});

/** Why a box stays shut, for the operator; `undefined` for one that opens. Any other way of failing is thrown. */
async function reasonFor(keys: KeyRing, sealed: Sealed, context: SealContext = CONTEXT): Promise<string | undefined> {
  try {
    await unseal(keys, sealed, context);
    return undefined;
  } catch (error) {
    if (RubotError.is(error) && error.code === 'misconfigured') return error.operatorDetail ?? 'without a reason';
    throw error;
  }
}

it('opens in its place as the text it was, whatever the text', async () => {
  const context = fc.array(fc.string(), { maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.string({ unit: 'binary' }), fc.constant('\uFEFFmark')), context, async (text, place) => {
      fc.pre(text.isWellFormed());
      expect(await unseal(ring, await seal(ring, text, place), place)).toBe(text);
    }),
    { numRuns: 500 },
  );
});

it('opens in no other place', async () => {
  const context = fc.array(fc.string({ unit: fc.constantFrom(...'ab",[]\\|') }), { maxLength: 3 });
  let shut = 0;
  await fc.assert(
    fc.asyncProperty(context, context, async (place, other) => {
      fc.pre(JSON.stringify(place) !== JSON.stringify(other));
      expect(await reasonFor(ring, await seal(ring, 'secret', place), other)).toBe('changed, or moved');
      shut += 1;
    }),
    { numRuns: 500 },
  );
  expect(shut).toBeGreaterThan(300);
});

it('does not open where two rows were swapped', async () => {
  const [ofAcme, ofGlobex] = [await seal(ring, 'a', ['acme', 'github']), await seal(ring, 'g', ['globex', 'github'])];
  expect(await unseal(ring, ofAcme, ['acme', 'github'])).toBe('a');
  expect(await reasonFor(ring, ofGlobex, ['acme', 'github'])).toBe('changed, or moved');
  expect(await reasonFor(ring, ofAcme, ['globex', 'github'])).toBe('changed, or moved');
  // A key id that was moved into the context, and one that was moved out of it.
  expect(await reasonFor(ring, ofAcme, ['acme', 'github', ofAcme.keyId])).toBe('changed, or moved');
  expect(await reasonFor(ring, ofAcme, ['acme'])).toBe('changed, or moved');
});

it('does not open with any bit flipped, nor cut, nor longer', async () => {
  const sealed = await seal(ring, 'ghp_0123456789', CONTEXT);
  const bytes = Buffer.from(sealed.box, 'base64url');
  for (let bit = 0; bit < bytes.length * 8; bit += 1) {
    const flipped = Buffer.from(bytes);
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    expect(await reasonFor(ring, { ...sealed, box: flipped.toString('base64url') })).toBe('changed, or moved');
  }
  for (let length = 0; length < bytes.length; length += 1) {
    const box = bytes.subarray(0, length).toString('base64url');
    expect(await reasonFor(ring, { ...sealed, box })).toBe(length <= 12 ? 'no sealed box' : 'changed, or moved');
  }
  expect(await reasonFor(ring, { ...sealed, box: Buffer.concat([bytes, Buffer.of(0)]).toString('base64url') })).toBe('changed, or moved');
  for (const box of ['', '=', `${sealed.box}=`, `${sealed.box}\n`, 'not a box!', 'é']) {
    expect(await reasonFor(ring, { ...sealed, box })).toBe('no sealed box');
  }
});

it('opens with its own key alone', async () => {
  const sealed = await seal(ring, 'secret', CONTEXT);
  const former = await deriveSealKeys(FORMER_ALONE, PURPOSE);
  const elsewhere = await deriveSealKeys(ALONE, 'link-pins/v1');
  for (const other of [former, elsewhere]) {
    expect(await reasonFor(other, sealed)).toBe('key id is not held');
    expect(await reasonFor(other, { ...sealed, keyId: other.current.keyId })).toBe('changed, or moved');
  }
  expect(await reasonFor(ring, { ...sealed, keyId: 'ffffffffffffffff' })).toBe('key id is not held');
});

it('is sealed with the current key and opens with either, while the secret is rotated', async () => {
  const rotating = await deriveSealKeys(SWITCHED, PURPOSE);
  const former = await deriveSealKeys(FORMER_ALONE, PURPOSE);
  const old = await seal(former, 'old', CONTEXT);
  expect(await unseal(rotating, old, CONTEXT)).toBe('old');
  expect(await unseal(ring, await seal(rotating, 'new', CONTEXT), CONTEXT)).toBe('new');
  expect(await reasonFor(ring, old)).toBe('key id is not held');
  // The id that stands beside the box is part of what was sealed.
  expect(await reasonFor(rotating, { ...old, keyId: rotating.current.keyId })).toBe('changed, or moved');
});

it('never seals one text to the same box twice, and shows nothing of it', async () => {
  const boxes = await Promise.all(Array.from({ length: 200 }, () => seal(ring, 'a secret of a provider', CONTEXT)));
  expect(new Set(boxes.map(({ box }) => box)).size).toBe(200);
  const nonces = new Set(boxes.map(({ box }) => Buffer.from(box, 'base64url').subarray(0, 12).toString('hex')));
  expect(nonces.size).toBe(200);
  expect(JSON.stringify(boxes.map(({ box }) => Buffer.from(box, 'base64url').toString('latin1')))).not.toContain('secret');
});

it('says what to do, and to the operator what it was', async () => {
  const refusal = await unseal(ring, { keyId: 'x', box: '' }, CONTEXT).catch((error: unknown) => error);
  expect(RubotError.is(refusal) && refusal.message).toBe(
    'What is kept encrypted cannot be opened. Store it anew, or bring back the key it was sealed with.',
  );
});

it('keeps its keys to itself', async () => {
  const { current, byKeyId } = await deriveSealKeys(SWITCHED, PURPOSE);
  expect(byKeyId.size).toBe(2);
  expect(current.key.usages).toEqual(['encrypt', 'decrypt']);
  for (const key of byKeyId.values()) await expect(crypto.subtle.exportKey('raw', key)).rejects.toThrow();
});
