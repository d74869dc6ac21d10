import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { globSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RunningPostgres, startPostgres } from '@rubot/testkit/postgres/start-postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { commandOf, readDockerfile } from './dockerfile.ts';
import { rehearseImage } from './rehearse-image.ts';

const SERVICES = globSync('services/*/src/main.ts').map((path) => path.split('/')[1] ?? '');
const BUILD_TIMEOUT_MS = 120_000;

describe.each(SERVICES)('%s, built by the steps of its Dockerfile, away from the repository', (service) => {
  const image = readDockerfile(`services/${service}/Dockerfile`).at(-1)!;
  let folder: string;
  let app: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rubot-image-'));
    app = rehearseImage({ service, folder }).folder;
    await rm(join(folder, 'repository'), { recursive: true });
  }, BUILD_TIMEOUT_MS);

  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('names what its environment lacks, and ends', async () => {
    const child = start({});
    const [status] = await once(child, 'close');
    expect(status).toBe(1);
    expect(outputOf(child)).toMatch(/cannot start, its environment has \d+ problem/);
    expect(outputOf(child)).not.toContain('    at ');
  });

  it('boots, is found healthy, and ends in peace at SIGTERM', async () => {
    const environment = await environmentOfAnyService();
    const child = start(environment);
    await expect.poll(() => outputOf(child), { timeout: 15_000, interval: 20 }).toContain('service.started');
    expect(await isHealthy(environment)).toBe(true);
    child.kill('SIGTERM');
    expect(await once(child, 'close')).toEqual([0, null]);
    expect(await isHealthy(environment)).toBe(false);
  });

  function start(environment: Record<string, string>): ChildProcess {
    const [, ...args] = commandOf(image, 'CMD');
    const child = spawn(process.execPath, args, { cwd: app, env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
    const chunks: string[] = [];
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => chunks.push(text));
    OUTPUT.set(child, chunks);
    return child;
  }

  function isHealthy(environment: Record<string, string>): Promise<boolean> {
    const [, ...args] = commandOf(image, 'HEALTHCHECK');
    return new Promise((resolve) => execFile(process.execPath, args, { env: environment }, (error) => resolve(error === null)));
  }
});

let postgres: RunningPostgres;
beforeAll(async () => {
  postgres = await startPostgres();
});
afterAll(() => postgres.dispose());

const OUTPUT = new WeakMap<ChildProcess, string[]>();

function outputOf(child: ChildProcess): string {
  return OUTPUT.get(child)?.join('') ?? '';
}

/** Every variable that some service requires; each reads its own. */
async function environmentOfAnyService(): Promise<Record<string, string>> {
  const secrets = ['GATEWAY_API_KEY', 'ORCHESTRATOR_API_KEY'].map((name) => [name, randomBytes(32).toString('base64')] as const);
  return {
    ...Object.fromEntries(secrets),
    DATABASE_URL: postgres.url,
    AGENT_REGISTRY_JSON: '{"tables":"http://127.0.0.1:9"}',
    MIDDLEWARE_URL: 'http://127.0.0.1:9',
    HOST: '127.0.0.1',
    PORT: String(await freePort()),
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('the listener has no port');
  return address.port;
}
