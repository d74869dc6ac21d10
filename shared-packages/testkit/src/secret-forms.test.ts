import { describe, expect, it } from 'vitest';
import { findLeaks, formsOf } from './secret-forms.ts';

const SECRET = 'sk-Quote"And\\Slash/Plus+é-7Kx4Bz9Q';

const WRITERS: Readonly<Record<string, (secret: string) => string>> = {
  plain: (secret) => `it is ${secret}.`,
  'a line of JSON': (secret) => JSON.stringify({ message: secret }),
  'JSON in a line of JSON': (secret) => JSON.stringify({ body: JSON.stringify({ secret }) }),
  'a query': (secret) => `https://api.test/?key=${encodeURIComponent(secret)}&a=1`,
  hex: (secret) => Buffer.from(`x${secret}`).toString('hex'),
  'upper-case hex': (secret) => Buffer.from(secret).toString('hex').toUpperCase(),
  reversed: (secret) => [...secret].reverse().join(''),
  'basic authentication': (secret) => `Basic ${Buffer.from(`user:${secret}`).toString('base64')}`,
  'one letter before it': (secret) => Buffer.from(`a${secret} and more`).toString('base64'),
  'two letters before it': (secret) => Buffer.from(`ab${secret} and more`).toString('base64url'),
  'three letters before it': (secret) => Buffer.from(`abc${secret}!`).toString('base64url'),
};

describe('a leak is found', () => {
  it.each(Object.entries(WRITERS))('as %s', (_, write) => {
    expect(findLeaks({ KEY: SECRET }, [['here', write(SECRET)]])).toContainEqual(expect.objectContaining({ secret: 'KEY', place: 'here' }));
  });

  it('and nothing where there is none', () => {
    const others = Object.values(WRITERS).map((write) => ['here', write('sk-another-secret-of-the-same-length')] as const);
    expect(findLeaks({ KEY: SECRET }, others)).toEqual([]);
  });

  it('in no form that is so short that it is found by chance', () => {
    for (const { text } of formsOf(SECRET)) expect(text.length).toBeGreaterThan(24);
  });
});
