import { formsOf } from '@rubot/testkit/secret-forms';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createScrub } from './scrub.ts';

/** One that turns its own credential around wants to be heard, and has a thousand ways. */
function formsToScrub(secret: string) {
  return formsOf(secret).filter(({ name }) => name !== 'reversed');
}

describe('createScrub', () => {
  it.each(['sk-live/4f+9=a b', 'pässwörd-§1', 'with"quotes"\\and\\slashes', 'user-name:p@ss/word+1', '.*+?^$()|[]{}\\-'])(
    'takes %j out of every text, in every form',
    (secret) => {
      const scrub = createScrub(secret);
      for (const { name, text } of formsToScrub(secret)) {
        expect(scrub(`before ${text} behind`), name).not.toContain(text);
        expect(scrub(`before ${text} behind`), name).toMatch(/^before .* behind$/);
      }
    },
  );

  it('takes any secret out, wherever it stands in base64', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 8, maxLength: 60 }), fc.string(), fc.string(), (secret, before, behind) => {
        fc.pre(secret.isWellFormed());
        const bytes = Buffer.from(`${before.toWellFormed()}${secret}${behind.toWellFormed()}`);
        const scrub = createScrub(secret);
        expect(scrub(bytes.toString('base64'))).toContain('[credential]');
        expect(scrub(bytes.toString('base64url'))).toContain('[credential]');
        expect(scrub(bytes.toString('hex'))).toContain('[credential]');
      }),
    );
  });

  it('goes through values and keys of JSON', () => {
    const scrubbed = createScrub('my-secret')({ 'x-my-secret': ['a', { b: 'MY-SECRET!' }], n: 1, nothing: null });
    expect(scrubbed).toEqual({ 'x-[credential]': ['a', { b: '[credential]!' }], n: 1, nothing: null });
  });

  it('takes the password of user:password out by itself', () => {
    expect(createScrub('alice:open-sesame')('alice said open-sesame')).toBe('alice said [credential]');
  });

  it('leaves everything as it is without a credential', () => {
    const value = { a: ['b'] };
    expect(createScrub(undefined)(value)).toBe(value);
  });
});
