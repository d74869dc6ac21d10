import fc from 'fast-check';
import { expect, it } from 'vitest';
import { fromBase64Url, toBase64Url } from './base64url.ts';

it('writes what every other implementation reads, and reads it back', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const text = toBase64Url(bytes);
      expect(text).toBe(Buffer.from(bytes).toString('base64url'));
      expect(fromBase64Url(text)).toEqual(bytes);
    }),
  );
});

it('takes a text only if it is the one spelling of its bytes', () => {
  let taken = 0;
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'ABCDQgw019-_+/= \n'), maxLength: 12 }), (text) => {
      const bytes = fromBase64Url(text);
      if (bytes === undefined) return;
      taken += 1;
      expect(toBase64Url(bytes)).toBe(text);
    }),
    { numRuns: 5_000 },
  );
  expect(taken).toBeGreaterThan(500);
});

it.each([
  ['padding', 'QQ=='],
  ['the other alphabet', '-_+/'],
  ['bits that decoders ignore', 'QR'],
  ['a single letter', 'Q'],
  ['a space', 'QQ QQ'],
  ['a line break', 'QQQQ\n'],
  ['letters beyond ASCII', 'QQQé'],
])('refuses %s', (_name, text) => {
  expect(fromBase64Url(text)).toBeUndefined();
});
