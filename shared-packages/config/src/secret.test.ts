import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { EnvironmentError, parseEnv } from './parse-env.ts';
import { foreignSecret, secret, secretUrl } from './secret.ts';

const variables = {
  HOP_KEY: secret('Opens.'),
  HOP_KEY_PREVIOUS: secret('Opened.').optional(),
  METRICS_KEY: secret('Shows.').optional(),
  METRICS_KEY_PREVIOUS: secret('Showed.').optional(),
  PROVIDER_KEY: foreignSecret('Pays.').optional(),
  DATABASE_URL: secretUrl(z.url({ protocol: /^postgres$/, error: 'must be a postgres URL' }), {
    description: 'Keeps.',
    example: 'postgres://rubot:secret@postgres/rubot',
  }).optional(),
};
const OWN = 'k3jh45kj3h4k5jh34kj5h3k4j5h3k4j5h';
const OTHER = 'pQ9wE2rT5yU8iO1pA4sD7fG0hJ3kL6zX';

function problemsOf(source: Readonly<Record<string, unknown>>): readonly string[] {
  try {
    parseEnv({ service: 'rubot-test', variables, source: { HOP_KEY: OWN, ...source } });
    return [];
  } catch (error) {
    if (error instanceof EnvironmentError) return error.problems;
    throw error;
  }
}

describe('a secret of ours', () => {
  it('is taken as the generator makes it, in whatever spelling', () => {
    for (let count = 0; count < 200; count += 1) {
      for (const [bytes, spelling] of [
        [48, 'base64'],
        [32, 'base64url'],
        [16, 'hex'],
      ] as const) {
        expect(problemsOf({ HOP_KEY: randomBytes(bytes).toString(spelling) })).toEqual([]);
      }
    }
  });

  it.each([
    ['unset', undefined, 'is not set'],
    ['empty', '', 'is not set'],
    ['a letter too short', OWN.slice(0, 31), 'must be at least 32 bytes'],
    ['with a line break behind it', `${OWN}\n`, 'without spaces or line breaks'],
    ['with a space before it', ` ${OWN}`, 'without spaces or line breaks'],
    ['beyond ASCII', `${OWN}é`, 'printable ASCII'],
    ['a placeholder', 'change-me-please-0123456789-0123456789', 'is a placeholder'],
    ['a placeholder in capitals', 'REPLACE_WITH_A_REAL_ONE_0123456789', 'is a placeholder'],
    ['a hint', '<paste-the-key-of-the-gateway-in-here>', 'is a placeholder'],
    ['cut off by hand', 'k3jh45kj3h4k5jh34kj5h3k4j5h3k4j5h...', 'is a placeholder'],
    ['crossed out', 'sk-live-xxxxxxxxxxxxxxxxxxxxxxxxxxxxx', 'is a placeholder'],
    ['one letter', 'a'.repeat(40), 'is a placeholder'],
    ['one word again and again', 'password'.repeat(5), 'is a placeholder'],
    ['digits in turn', '12345678901234567890123456789012', 'is a placeholder'],
    ['what a script wrote for nothing', 'undefined-0123456789-0123456789-01', 'is a placeholder'],
    ['what a script wrote for an object', '[object-Object]-0123456789-0123456', 'is a placeholder'],
    ['no text', { key: OWN }, 'expected string'],
  ])('is refused when it is %s', (_name, value, problem) => {
    const problems = problemsOf({ HOP_KEY: value });
    expect(problems).toEqual([expect.stringContaining(problem)]);
    expect(problems[0]).toMatch(/^HOP_KEY /);
    if (typeof value === 'string' && value !== '') expect(problems.join()).not.toContain(value);
  });

  it('is refused under two names, be one of them optional, or the one before', () => {
    expect(problemsOf({ METRICS_KEY: OWN })).toEqual(['METRICS_KEY has the same value as HOP_KEY; every secret must be its own']);
    expect(problemsOf({ HOP_KEY_PREVIOUS: OWN })).toEqual(['HOP_KEY_PREVIOUS has the same value as HOP_KEY; every secret must be its own']);
    expect(problemsOf({ PROVIDER_KEY: OWN })).toHaveLength(1);
    expect(problemsOf({ HOP_KEY_PREVIOUS: OTHER, METRICS_KEY: OTHER, PROVIDER_KEY: OTHER })).toHaveLength(2);
  });

  it('is told to be the same also where there is more to tell', () => {
    expect(problemsOf({ HOP_KEY: 'short', METRICS_KEY: 'short' })).toHaveLength(3);
  });

  it('is refused as a former one, where there is none of today', () => {
    expect(problemsOf({ METRICS_KEY_PREVIOUS: OTHER })).toEqual(['METRICS_KEY_PREVIOUS is set although METRICS_KEY is not']);
    expect(problemsOf({ METRICS_KEY: OTHER, METRICS_KEY_PREVIOUS: `${OTHER}-before` })).toEqual([]);
  });
});

describe('a secret of others', () => {
  it.each(['sk-of-the-test', 'lm-studio', 'ghp_0123', 'xaat-3f2a9c1b'])('may be as short as they make it: %s', (value) => {
    expect(problemsOf({ PROVIDER_KEY: value })).toEqual([]);
  });

  it.each([
    ['short', 'sk-4567', 'at least 8 characters'],
    ['a placeholder', 'your-api-key', 'is a placeholder'],
    ['left as it was', 'sk-...', 'is a placeholder'],
    ['crossed out', 'sk-xxxxxx', 'is a placeholder'],
    ['one letter', 'kkkkkkkk', 'is a placeholder'],
    ['followed by a line break', 'sk-of-the-test\n', 'line breaks'],
  ])('is refused when it is %s', (_name, value, problem) => {
    const problems = problemsOf({ PROVIDER_KEY: value });
    expect(problems.join()).toContain(problem);
    expect(problems.join()).not.toContain(value);
  });
});

describe('a URL with a password', () => {
  const urlWith = (password: string) => `postgres://rubot:${password}@db.internal:5432/rubot`;

  it('is taken with one, in whatever letters', () => {
    for (const password of ['s3cr3t-0f-db', 'p%40ss%2Fw0rd', 'p%zzsw0rd-1'])
      expect(problemsOf({ DATABASE_URL: urlWith(password) })).toEqual([]);
  });

  it.each([
    ['none', 'postgres://rubot@db.internal/rubot', 'must have a password of at least 8'],
    ['a short one', urlWith('pw12345'), 'must have a password of at least 8'],
    ['one that is short once it is read', urlWith('%61%62%63'), 'must have a password of at least 8'],
    ['a placeholder', urlWith('change-me'), 'has a placeholder as its password'],
    ['a word twice', urlWith('rubotrubot'), 'has a placeholder as its password'],
  ])('is refused with %s', (_name, value, problem) => {
    const problems = problemsOf({ DATABASE_URL: value });
    expect(problems).toEqual([expect.stringContaining(problem)]);
    expect(problems.join()).not.toContain(value);
  });

  it('is refused once for what is no URL, and once for another kind', () => {
    expect(problemsOf({ DATABASE_URL: 'no url' })).toEqual(['DATABASE_URL must be a postgres URL']);
    expect(problemsOf({ DATABASE_URL: 'mysql://u:long-enough@h/x' })).toEqual(['DATABASE_URL must be a postgres URL']);
  });

  it('may not have the password of another door', () => {
    expect(problemsOf({ DATABASE_URL: urlWith(OWN) })).toEqual([
      'DATABASE_URL has the same value as HOP_KEY; every secret must be its own',
    ]);
    expect(problemsOf({ PROVIDER_KEY: 'p@ss/w0rd', DATABASE_URL: urlWith('p%40ss%2Fw0rd') })).toHaveLength(1);
  });
});
