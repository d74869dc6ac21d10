import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { TokenId } from '@rubot/contracts/ids';
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { hashToken, hintOf, isActionHandle, isApiToken, makeActionHandle, makeApiToken, makeTokenId } from './api-token.ts';

const BASE_62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const SCANNER = /\brb[th]_[0-9A-Za-z]{36}\b/;

/** By Node's zlib, so that the format is pinned by another's code. */
function withChecksum(body: string): string {
  let rest = crc32(body);
  let checksum = '';
  while (checksum.length < 6) {
    checksum = BASE_62.charAt(rest % 62) + checksum;
    rest = Math.floor(rest / 62);
  }
  return body + checksum;
}

/** Makes chance give the bytes from there up to 255 first, and then those from 0 on. */
function drawFrom(first: number): void {
  let next = first;
  vi.spyOn(crypto, 'getRandomValues').mockImplementation((array) => {
    const bytes = array as unknown as Uint8Array;
    for (let index = 0; index < bytes.length; index += 1, next += 1) bytes[index] = next % 256;
    return array;
  });
}

afterEach(() => vi.restoreAllMocks());

describe.each([
  { kind: 'a token', make: makeApiToken, isOne: isApiToken, isOther: isActionHandle, prefix: 'rbt_' },
  { kind: 'a handle', make: makeActionHandle, isOne: isActionHandle, isOther: isApiToken, prefix: 'rbh_' },
])('$kind', ({ make, isOne, isOther, prefix }) => {
  it('has its prefix, 30 characters and their checksum, and is found by scanners', () => {
    for (let round = 0; round < 200; round += 1) {
      const text = make();
      expect(text).toMatch(new RegExp(`^${prefix}[0-9A-Za-z]{36}$`));
      expect(SCANNER.test(`TOKEN="${text}"`)).toBe(true);
      expect(text).toBe(withChecksum(text.slice(0, -6)));
      expect(isOne(text)).toBe(true);
      expect(isOther(text)).toBe(false);
    }
  });

  it.each([
    'yHFXmo5A0PbWhkqTzNRE3wUcLs92Gi',
    '000000000000000000000000000000',
    'zzzzzzzzzzzzzzzzzzzzzzzzzzzzzz',
    'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
  ])('is the one that another implementation makes of %s', (random) => {
    expect(isOne(withChecksum(prefix + random))).toBe(true);
  });

  it('is another text when any one character is another', () => {
    const others = [...BASE_62, '_', '-', ' ', '\n', 'é', '０', '\0'];
    const text = make();
    let changes = 0;
    for (let index = 0; index < text.length; index += 1) {
      for (const other of others) {
        if (other === text[index]) continue;
        changes += 1;
        const changed = text.slice(0, index) + other + text.slice(index + 1);
        expect(isOne(changed), `${other} at ${index}`).toBe(false);
        expect(isOther(changed), `${other} at ${index}, as the other kind`).toBe(false);
      }
    }
    expect(changes).toBeGreaterThan(2_400);
  });

  it('is another text when two neighbours are swapped, one is lost, or one is put in', () => {
    const text = make();
    for (let index = 0; index < text.length; index += 1) {
      const swapped = text.slice(0, index) + (text[index + 1] ?? '') + text[index] + text.slice(index + 2);
      if (swapped !== text) expect(isOne(swapped), `swapped at ${index}`).toBe(false);
      expect(isOne(text.slice(0, index) + text.slice(index + 1)), `lost at ${index}`).toBe(false);
      for (const extra of BASE_62) expect(isOne(text.slice(0, index) + extra + text.slice(index)), `put in at ${index}`).toBe(false);
    }
    for (const around of [` ${text}`, `${text} `, `${text}\n`, `Bearer ${text}`, `${text}${text}`, text.toLowerCase()]) {
      expect(isOne(around)).toBe(false);
    }
  });

  it('is no text that was not made as one', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string({ maxLength: 60 }), fc.string({ unit: fc.constantFrom(...BASE_62), minLength: 36, maxLength: 36 })),
        (text) => {
          expect(isOne(text)).toBe(false);
          const prefixed = prefix + text;
          expect(isOne(prefixed)).toBe(/^[0-9A-Za-z]{36}$/.test(text) && withChecksum(prefixed.slice(0, -6)) === prefixed);
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it('is no text of another length or alphabet, though its checksum be right', () => {
    const body = 'a'.repeat(30);
    expect(isOne(withChecksum(prefix + body))).toBe(true);
    for (const other of [
      '',
      body.slice(1),
      `${body}a`,
      `${body.slice(1)}-`,
      `${body.slice(1)} `,
      `${body.slice(2)}é`,
      `.${body.slice(1)}`,
    ]) {
      expect(isOne(withChecksum(prefix + other))).toBe(false);
    }
  });

  it('is spread evenly over its characters: none is favoured, none is left out', () => {
    const rounds = 4_000;
    const counts = new Map<string, number>();
    for (let round = 0; round < rounds; round += 1) {
      for (const character of make().slice(4, 34)) counts.set(character, (counts.get(character) ?? 0) + 1);
    }
    expect([...counts.keys()].sort().join('')).toBe([...BASE_62].sort().join(''));
    const expected = (rounds * 30) / 62;
    const chiSquare = [...counts.values()].reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    // 61 degrees of freedom: more than 145 comes once in 100 million times. Bytes folded back by a remainder come to over 1,000.
    expect(chiSquare).toBeLessThan(145);
  });

  it('takes no byte that would favour a character', () => {
    drawFrom(248);
    expect(make().slice(4, 34)).toBe(BASE_62.slice(0, 30));
  });

  it('comes once', () => {
    const made = new Set(Array.from({ length: 5_000 }, make));
    expect(made.size).toBe(5_000);
  });
});

describe('the hash of a token', () => {
  it('is its SHA-256 in hex', async () => {
    const token = makeApiToken();
    expect(await hashToken(token)).toBe(createHash('sha256').update(token).digest('hex'));
  });
});

describe('the hint of a token', () => {
  it('is its beginning, and leaves more to guess than anybody can', () => {
    const token = withChecksum('rbt_yHFXmo5A0PbWhkqTzNRE3wUcLs92Gi');
    expect(hintOf(token)).toBe('rbt_yHFX');
  });
});

describe('the id of a token', () => {
  it('has the shape that the contracts name, and comes once', () => {
    const ids = Array.from({ length: 2_000 }, makeTokenId);
    for (const id of ids) expect(TokenId.parse(id)).toBe(id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('takes no byte that would favour a character', () => {
    drawFrom(252);
    expect(makeTokenId()).toBe('tok_0123456789abcdefghijklmn');
  });
});
