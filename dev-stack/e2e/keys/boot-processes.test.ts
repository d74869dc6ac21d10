import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { createGatewayApp } from '@rubot/gateway/app';
import { buildDeps as buildGatewayDeps } from '@rubot/gateway/deps';
import { createMiddlewareApp } from '@rubot/middleware/app';
import { buildDeps as buildMiddlewareDeps, type MiddlewareBindings } from '@rubot/middleware/deps';
import { startWorkers } from '@rubot/testkit/workerd/start-workers';
import { readWranglerConfig } from '@rubot/testkit/workerd/wrangler-config';
import { describe, expect, it, onTestFinished } from 'vitest';
import { REPOSITORY } from '../../src/repository.ts';
import { type Bootable, type Environment, findBadSecrets, findBootables, makeGoodEnvironment, newSecret, spell } from './_deployables.ts';

const bootables = await findBootables();
const services = bootables.filter(({ folder }) => folder.startsWith('services/'));
const workers = bootables.filter(({ folder }) => folder.startsWith('workers/'));

interface BadEnvironment {
  readonly way: string;
  readonly environment: Environment;
  /** Of the secrets that must be refused for it. */
  readonly names: readonly string[];
}

/** A program is started for each of these; that each secret is refused in every way by itself is seen faster in boot.test.ts. */
const WAYS = ['unset', 'short', 'a placeholder'];

/** Environments in which every secret is wrong, in one way each. */
function makeBadEnvironments(bootable: Bootable): readonly BadEnvironment[] {
  const good = makeGoodEnvironment(bootable);
  const wrong = WAYS.map((kind) => {
    const bad = bootable.secretNames.flatMap((name) =>
      findBadSecrets(bootable, name).flatMap((one) => (one.kind === kind ? [{ name, ...one }] : [])),
    );
    const environment = { ...good, ...Object.fromEntries(bad.map(({ name, value }) => [name, value])) };
    return { way: kind, environment, names: bad.map(({ name }) => name) };
  });
  const shared = newSecret();
  const equal = { ...good, ...Object.fromEntries(bootable.secretNames.map((name) => [name, spell(name, shared)])) };
  return [...wrong, { way: 'equal to another', environment: equal, names: bootable.secretNames.slice(1) }];
}

function expectNoValue(text: string, { secretNames }: Bootable, environment: Environment): void {
  for (const name of secretNames) {
    const value = environment[name];
    if (value !== undefined && value !== '') expect(text).not.toContain(value);
  }
}

/** The names at the beginning of lines that tell a problem each. */
function namedIn(text: string): readonly string[] {
  return [...new Set(text.match(/(?<=^ {2}- )[A-Z0-9_]+/gm))];
}

describe.each(services)('$folder', (service) => {
  it.each(makeBadEnvironments(service))('ends with status 1 and names all, where every secret is $way', async ({ environment, names }) => {
    const entry = fileURLToPath(new URL(`${service.folder}/src/main.ts`, REPOSITORY));
    const { status, stdout, stderr } = await new Promise<{ status: number | null; stdout: string; stderr: string }>((resolve) => {
      const child = execFile(
        process.execPath,
        [entry],
        { env: { ...environment }, timeout: 15_000, killSignal: 'SIGKILL' },
        (_, out, err) => resolve({ status: child.exitCode, stdout: out, stderr: err }),
      );
    });
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(namedIn(stderr)).toEqual(expect.arrayContaining([...names]));
    expectNoValue(stderr, service, environment);
  });
});

interface Route {
  readonly method: string;
  readonly path: string;
}

/** To be bound and not asked: routes are only listed. */
function noDatabase(): NonNullable<MiddlewareBindings['DB']> {
  return {} as NonNullable<MiddlewareBindings['DB']>;
}

/** Of the app as it would be, were its environment right. */
async function findRoutes(folder: string, environment: Environment): Promise<readonly Route[]> {
  const elsewhere = { fetch: () => Promise.reject(new Error('is not asked')) };
  const app =
    folder === 'workers/gateway'
      ? createGatewayApp(await buildGatewayDeps({ ...environment, MIDDLEWARE: elsewhere }))
      : createMiddlewareApp(await buildMiddlewareDeps({ ...environment, DB: noDatabase() }));
  const routes = app.routes
    .filter(({ method }) => method !== 'ALL')
    .map(({ method, path }) => ({ method, path: path.replaceAll(/:\w+(?:\{[^}]*\})?/g, 'x') }));
  return [...routes, { method: 'GET', path: '/no/such/route' }];
}

describe.each(workers)('$folder', (worker) => {
  it.each(makeBadEnvironments(worker))('answers no route, where every secret is $way', async ({ environment, names }) => {
    const directory = new URL(`${worker.folder}/`, REPOSITORY);
    const lines: string[] = [];
    const variables = Object.fromEntries(
      Object.entries(environment).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
    );
    const running = await startWorkers({
      workers: [
        {
          directory,
          variables,
          standIns: { MIDDLEWARE: () => Promise.reject(new Error('is not asked')) },
        },
      ],
      onLine: (line) => lines.push(line),
      onNoise: () => {},
    });
    onTestFinished(() => running.stop());
    const url = running.urlOf((await readWranglerConfig(directory)).name);
    const routes = await findRoutes(worker.folder, makeGoodEnvironment(worker));
    expect(routes.length).toBeGreaterThan(10);
    for (const { method, path } of routes) {
      const headers = { authorization: `Bearer ${environment['GATEWAY_API_KEY'] ?? ''}` };
      const response = await fetch(url + path, { method, headers });
      const text = await response.text();
      expect([method, path, response.status]).toEqual([method, path, 500]);
      expect(JSON.parse(text)).toMatchObject({ error: { code: 'misconfigured' } });
      expectNoValue(text, worker, environment);
    }
    const said = JSON.parse(lines.find((line) => line.includes('"service.failed"')) ?? '{}');
    expect(namedIn(String(said.error?.detail))).toEqual(expect.arrayContaining([...names]));
    expectNoValue(lines.join('\n'), worker, environment);
  });
});
