import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { renderEnvironmentExample, renderEnvironmentPage } from './document.ts';
import { EnvironmentError, parseEnv } from './parse-env.ts';
import { secret } from './secret.ts';
import { findPlainOrigins, origin, variable } from './variable.ts';

const variables = {
  PORT: variable(z.coerce.number().int().min(1).default(8_080), { description: 'TCP port.' }),
  SIGNING_SECRET: secret('Signs.'),
  SIGNING_SECRET_PREVIOUS: secret('Signed.').optional(),
  PEER_URL: origin('The peer.', 'http://peer:8080'),
};
const good = { SIGNING_SECRET: 'k3jh45kj3h4k5jh34kj5h3k4j5h3k4j5h', PEER_URL: 'http://peer.internal:8080/' };

function problemsOf(source: Record<string, unknown>): readonly string[] {
  try {
    parseEnv({ service: 'rubot-test', variables, source });
    return [];
  } catch (error) {
    if (error instanceof EnvironmentError) return error.problems;
    throw error;
  }
}

describe('parseEnv', () => {
  it('reads, coerces and freezes, and takes an empty string as not set', () => {
    const env = parseEnv({ service: 'rubot-test', variables, source: { ...good, PORT: '' } });
    expect(env).toEqual({
      PORT: 8_080,
      SIGNING_SECRET: good.SIGNING_SECRET,
      PEER_URL: 'http://peer.internal:8080',
      SIGNING_SECRET_PREVIOUS: undefined,
    });
    expect(Object.isFrozen(env)).toBe(true);
  });

  it('lists every problem at once, and never a value', () => {
    const problems = problemsOf({ PORT: 'http', SIGNING_SECRET: 'short-and-visible', PEER_URL: 'http://user:pw@peer/path' });
    expect(problems).toHaveLength(3);
    expect(problems[0]).toMatch(/^PORT is wrong: .*number/);
    expect(problems.join()).not.toMatch(/visible|pw@peer/);
  });

  it.each(['ftp://peer', 'peer:8080', 'http://peer/path', 'http://peer?x=1', 'http://u@peer'])('refuses %s as an origin', (value) => {
    expect(problemsOf({ ...good, PEER_URL: value })).toHaveLength(1);
  });
});

describe('findPlainOrigins', () => {
  it('lets keys travel in clear in development alone', () => {
    const origins = { PEER_URL: 'http://peer', OTHER_URL: 'https://other', UNSET_URL: undefined };
    expect(findPlainOrigins('development', origins)).toEqual([]);
    expect(findPlainOrigins('production', origins)).toEqual(['PEER_URL must be https:// where ENVIRONMENT is production']);
  });
});

describe('environment documentation', () => {
  it('names type, default, secrecy and readers, and gives no usable secret', () => {
    const page = renderEnvironmentPage([
      { name: 'one', variables },
      { name: 'two', variables: { PORT: variables.PORT } },
    ]);
    expect(page).toContain('| `PORT` | integer | `8080` | one, two | TCP port. |');
    expect(page).toContain('| `SIGNING_SECRET` | string, secret | **required** | one | Signs. |');
    const example = renderEnvironmentExample(variables);
    expect(example).toContain('\nSIGNING_SECRET=\n');
    expect(example).toContain('\n# PORT=8080');
    expect(example).toContain('\nPEER_URL=http://peer:8080');
  });
});
