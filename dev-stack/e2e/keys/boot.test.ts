import { EnvironmentError } from '@rubot/config/parse-env';
import { describe, expect, it } from 'vitest';
import { type Bootable, type Environment, findBadSecrets, findBootables, makeGoodEnvironment, newSecret, spell } from './_deployables.ts';

const bootables = await findBootables();

/** What a name must not end in without being known as a secret. */
const SECRET_NAME = /(?:_KEY|_SECRET|_TOKEN|_PASSWORD|DATABASE_URL)(?:_PREVIOUS)?$/;

/** What the reader says of an environment; `undefined` where it takes it. */
function refusalOf({ read }: Bootable, environment: Environment): EnvironmentError | undefined {
  try {
    read(environment);
    return undefined;
  } catch (error) {
    if (error instanceof EnvironmentError) return error;
    throw error;
  }
}

function expectRefusal(bootable: Bootable, environment: Environment, names: readonly string[]): void {
  const refusal = refusalOf(bootable, environment);
  const named = refusal?.problems.filter((problem) => names.some((name) => problem.startsWith(`${name} `)));
  expect(named).not.toEqual([]);
  expect(named).toBeDefined();
  for (const name of bootable.secretNames) {
    const value = environment[name];
    if (value !== undefined && value !== '') expect(`${refusal?.message}\n${refusal?.stack}`).not.toContain(value);
  }
}

it('knows every deployable, and secrets of each', () => {
  expect(bootables.map(({ folder }) => folder)).toEqual(
    expect.arrayContaining(['workers/gateway', 'workers/middleware', 'services/orchestrator', 'services/agent-tables', 'cli']),
  );
  expect(bootables.filter(({ secretNames }) => secretNames.length === 0)).toEqual([]);
});

describe.each(bootables)('$folder', (bootable) => {
  const { variables, secretNames } = bootable;
  const good = makeGoodEnvironment(bootable);

  it('starts with all of its variables set', () => {
    expect(refusalOf(bootable, good)).toBeUndefined();
    for (const name of secretNames) expect(good[name]).toBeDefined();
  });

  it('has no secret that is not said to be one', () => {
    expect(Object.keys(variables).filter((name) => SECRET_NAME.test(name) && !secretNames.includes(name))).toEqual([]);
  });

  describe.each(secretNames)('%s', (name) => {
    it.each(findBadSecrets(bootable, name))('is refused when it is $kind', ({ value }) => {
      expectRefusal(bootable, { ...good, [name]: value }, [name]);
    });

    const others = secretNames.filter((other) => other !== name);
    it.each(others)('is refused when it is equal to %s', (other) => {
      const secret = newSecret();
      expectRefusal(bootable, { ...good, [name]: spell(name, secret), [other]: spell(other, secret) }, [name, other]);
    });
  });
});
