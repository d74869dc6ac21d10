import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { type Deployable, findDeployables } from '../../src/docs/find-deployables.ts';
import { REPOSITORY } from '../../src/repository.ts';

const services = (await findDeployables(REPOSITORY)).filter(({ folder }) => folder.startsWith('services/'));
const LONG_ENOUGH = 'canary-secret-0123456789abcdef0123456789abcdef';

interface Refusal {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts a service as its container does, with these variables and no others. */
async function start({ folder }: Deployable, variables: Readonly<Record<string, string>>): Promise<Refusal> {
  const entry = fileURLToPath(new URL(`${folder}/src/main.ts`, REPOSITORY));
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [entry], { env: variables, timeout: 15_000 }, (_, stdout, stderr) =>
      resolve({ status: child.exitCode, stdout, stderr }),
    );
  });
}

/** The names of the variables that a refusal lists, each on a line of its own. */
function listedIn(stderr: string): readonly string[] {
  return [...new Set(stderr.match(/(?<=^ {2}- )[A-Z0-9_]+/gm))].sort();
}

/** The names of those variables whose own rule is broken by a value. */
function brokenBy(value: string | undefined, { variables }: Deployable): readonly string[] {
  return Object.keys(variables)
    .filter((name) => variables[name]?.safeParse(value).success === false)
    .sort();
}

describe.each(services)('$folder', (service) => {
  it('does not start without its variables, and names every one that is missing', async () => {
    const { status, stdout, stderr } = await start(service, {});
    expect(status).toBe(1);
    expect(stdout).toBe('');
    expect(listedIn(stderr)).toEqual(brokenBy(undefined, service));
    expect(listedIn(stderr)).toContain('ORCHESTRATOR_API_KEY');
  });

  it('does not start with wrong ones, names every one at once, and shows no value', async () => {
    const wrong = 'canary wrong/ value';
    const { status, stdout, stderr } = await start(
      service,
      Object.fromEntries(Object.keys(service.variables).map((name) => [name, wrong])),
    );
    expect(status).toBe(1);
    expect(stdout).toBe('');
    expect(listedIn(stderr)).toEqual(expect.arrayContaining([...brokenBy(wrong, service)]));
    expect(brokenBy(wrong, service).length).toBeGreaterThan(5);
    expect(stderr).not.toContain('canary');
  });
});

describe('services/orchestrator', () => {
  it.each([
    ['is cut off', `{"tables": "http://canary-host:8080"`],
    ['names no origin', '{"tables": "canary-host"}'],
  ])('does not start with a registry that %s, and says what is wrong with it', async (_, AGENT_REGISTRY_JSON) => {
    const orchestrator = services.find(({ folder }) => folder.endsWith('orchestrator'));
    const rest = {
      GATEWAY_API_KEY: LONG_ENOUGH,
      ORCHESTRATOR_API_KEY: `${LONG_ENOUGH}-2`,
      DATABASE_URL: 'postgres://rubot:of-the-test@127.0.0.1/rubot',
    };
    const { status, stdout, stderr } = await start(orchestrator as Deployable, { ...rest, AGENT_REGISTRY_JSON });
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(listedIn(stderr)).toEqual(['AGENT_REGISTRY_JSON']);
    expect(stderr).not.toContain('canary');
  });
});
