import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { appendFile, chmod, cp, mkdir, mkdtemp, readFile, realpath, rm, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

/** A checkout with the real bootstrap, a program that reports how it was called, and an `npx` that only notes that it was. */
let checkout: string;

beforeEach(async () => {
  checkout = join(await realpath(await mkdtemp(join(tmpdir(), 'rubot-bootstrap-'))), 'a checkout');
  await mkdir(join(checkout, 'tools'), { recursive: true });
  await mkdir(join(checkout, 'services/one'), { recursive: true });
  await cp('scripts/bootstrap', join(checkout, 'scripts/bootstrap'), { recursive: true });
  await cp('scripts/bootstrap.mjs', join(checkout, 'scripts/bootstrap.mjs'));
  await writeFile(join(checkout, 'package.json'), '{ "packageManager": "pnpm@12.0.0", "type": "module" }');
  await writeFile(join(checkout, 'services/one/package.json'), '{}');
  await writeFile(join(checkout, 'pnpm-lock.yaml'), LOCKFILE);
  await writeFile(join(checkout, 'pnpm-workspace.yaml'), 'packages: []');
  await writeFile(join(checkout, 'report.ts'), REPORT);
  await fakeNpx(`mkdir -p node_modules/.bin && ln -sf "${process.execPath}" node_modules/.bin/node`);
});

afterEach(() => rm(join(checkout, '..'), { recursive: true, force: true }));

const LOCKFILE = 'lockfileVersion: 9';
const REPORT = `
process.on('SIGTERM', () => process.exit(7));
const { PATH, TURBO_TELEMETRY_DISABLED, WRANGLER_SEND_METRICS } = process.env;
console.log(JSON.stringify({ args: process.argv.slice(2), cwd: process.cwd(), PATH, TURBO_TELEMETRY_DISABLED, WRANGLER_SEND_METRICS }));
if (process.argv[2] === 'wait') setInterval(() => {}, 1_000);
else process.exitCode = Number(process.argv[2] ?? 0);
`;

describe('installing', () => {
  it('happens once, with the pinned pnpm and the frozen lockfile', async () => {
    await bootstrap(['report.ts']);
    await bootstrap(['report.ts']);
    expect(await npxCalls()).toEqual(['--yes pnpm@12.0.0 install --frozen-lockfile']);
  });

  it.each(['pnpm-lock.yaml', 'pnpm-workspace.yaml', 'package.json', 'services/one/package.json'])(
    'happens again when %s changed',
    async (path) => {
      await bootstrap(['report.ts']);
      await appendFile(join(checkout, path), '\n');
      await bootstrap(['report.ts']);
      expect(await npxCalls()).toHaveLength(2);
    },
  );

  it.each(['node_modules', 'node_modules/.bin/node'])('happens again when %s was deleted', async (path) => {
    await bootstrap(['report.ts']);
    await rm(join(checkout, path), { recursive: true });
    expect((await bootstrap(['report.ts'])).status).toBe(0);
    expect(await npxCalls()).toHaveLength(2);
  });

  it('happens again after one that was cut off, also where everything is as it was before it', async () => {
    await bootstrap(['report.ts']);
    await appendFile(join(checkout, 'pnpm-lock.yaml'), '\n');
    await fakeNpx('touch started; exec sleep 60');
    const { child, ended } = start(['report.ts']);
    await appears('started');
    child.kill('SIGTERM');
    expect(await ended).toMatchObject({ status: 143, stderr: expect.stringContaining('interrupted. Run the command again.') });

    await writeFile(join(checkout, 'pnpm-lock.yaml'), LOCKFILE);
    await fakeNpx('true');
    expect((await bootstrap(['report.ts'])).status).toBe(0);
    expect(await npxCalls()).toHaveLength(3);
  });

  it('says what to do when its own files cannot be written', async () => {
    await bootstrap(['report.ts']);
    await rm(join(checkout, 'node_modules/.rubot-install'));
    await fakeNpx('ln -s /dev/full node_modules/.rubot-install');
    const { status, stderr } = await bootstrap(['report.ts']);
    expect(status).toBe(1);
    expect(stderr).toMatch(/rubot: no space is left .*\n$/);
  });

  it('says nothing of what pnpm prints while all is well', async () => {
    await fakeNpx(`echo noise; echo noise >&2; mkdir -p node_modules/.bin && ln -sf "${process.execPath}" node_modules/.bin/node`);
    const { stdout, stderr } = await bootstrap(['report.ts']);
    expect(stdout + stderr).not.toContain('noise');
  });

  it('takes the development dependencies also where NODE_ENV says production', async () => {
    await fakeNpx(`echo "[$NODE_ENV]" > seen; mkdir -p node_modules/.bin && ln -sf "${process.execPath}" node_modules/.bin/node`);
    await bootstrap(['report.ts'], { NODE_ENV: 'production' });
    expect(await readFile(join(checkout, 'seen'), 'utf8')).toBe('[]\n');
  });
});

describe('a failing install ends in one line that says what to do', () => {
  it.each([
    ['a full disk', 'ERR_PNPM_ENOSPC  ENOSPC: no space left on device, write', /no space is left .* MB free, .* cache.* Free some/],
    ['a full disk, as pnpm 12 says it', 'Failed to write cafs: No\n      space left on device (os error 28)', /no space is left/],
    [
      'no network',
      'npm error request to https://registry.example.com/pnpm failed, reason: getaddrinfo EAI_AGAIN',
      /registry cannot be reached/,
    ],
    ['no network, as pnpm 12 says it', 'client error (Connect): dns error: error resolving DNS', /registry cannot be reached/],
    ['a proxy in between', 'client error (Connect): invalid peer certificate: UnknownIssuer', /certificate .* SSL_CERT_FILE/],
    ['a lockfile that is behind', 'Error: ERR_PNPM_OUTDATED_LOCKFILE', /Run `npx pnpm@12\.0\.0 install --no-frozen-lockfile`/],
    ['files of another user', "EACCES: permission denied, mkdir '/x'", /cannot be written/],
  ])('%s', async (_name, output, line) => {
    await fakeNpx(`cat >&2 <<'TEXT'\n${output}\nTEXT\nexit 1`);
    const { status, stderr } = await bootstrap(['report.ts']);
    const lines = stderr.trimEnd().split('\n');
    expect(status).toBe(1);
    expect(lines).toHaveLength(2); // «installing …», then this
    expect(lines[1]).toMatch(line);
  });

  it('shows what pnpm said when the cause is not known', async () => {
    await fakeNpx('echo "something new" >&2; exit 3');
    const { status, stderr } = await bootstrap(['report.ts']);
    expect(status).toBe(1);
    expect(stderr).toContain('something new');
  });

  it('without npx', async () => {
    await unlink(join(checkout, 'tools/npx'));
    const { status, stderr } = await bootstrap(['report.ts'], { PATH: join(checkout, 'tools') });
    expect(status).toBe(1);
    expect(stderr).toContain('npx is not on the PATH');
  });

  it.each(['pnpm-lock.yaml', 'pnpm-workspace.yaml'])('without %s', async (path) => {
    await unlink(join(checkout, path));
    const { status, stderr } = await bootstrap(['report.ts']);
    expect(status).toBe(1);
    expect(stderr).toBe(`rubot: ${path} is missing, this checkout is not complete. Run \`git restore .\` or clone again.\n`);
  });

  it('under a Node that is too old', async () => {
    const oldNode = join(checkout, 'old-node.mjs');
    await writeFile(oldNode, "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '18.20.4' } });");
    const { status, stderr } = await bootstrap(['report.ts'], { NODE_OPTIONS: `--import="${oldNode}"` });
    expect(status).toBe(1);
    expect(stderr).toMatch(/^rubot: Node 20 or newer is needed to start, and this is 18\.20\.4\. .*\n$/);
    expect(await npxCalls()).toEqual([]);
  });
});

describe('running', () => {
  it('runs in the checkout, under its Node, with tracking off, from any folder', async () => {
    const { stdout } = await bootstrap(['report.ts', '0', '--once', 'two words']);
    const report = JSON.parse(stdout) as Record<string, unknown>;
    expect(report).toMatchObject({
      args: ['0', '--once', 'two words'],
      cwd: checkout,
      TURBO_TELEMETRY_DISABLED: '1',
      WRANGLER_SEND_METRICS: 'false',
    });
    expect(report['PATH']).toMatch(new RegExp(`^${join(checkout, 'node_modules/.bin')}:`));
  });

  it('passes the exit status on', async () => {
    expect((await bootstrap(['report.ts', '42'])).status).toBe(42);
  });

  it('passes SIGTERM on and waits for the end', async () => {
    const { child, ended } = start(['report.ts', 'wait']);
    await once(child.stdout!, 'data');
    child.kill('SIGTERM');
    expect((await ended).status).toBe(7);
  });

  it('ends as a shell would when a signal ended the program', async () => {
    const { child, ended } = start(['report.ts', 'wait']);
    await once(child.stdout!, 'data');
    child.kill('SIGINT');
    expect((await ended).status).toBe(130);
  });

  it.each(['gone.ts', 'gone'])('says what to do when %s is not there', async (program) => {
    const { status, stderr } = await bootstrap([program]);
    expect(status).toBe(1);
    expect(stderr).toMatch(/^rubot: .*gone.*(git restore|Delete node_modules).*$/m);
    expect(stderr).not.toContain('    at ');
  });
});

interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function bootstrap(args: readonly string[], environment: Record<string, string> = {}): Promise<Ended> {
  return start(args, environment).ended;
}

function start(args: readonly string[], environment: Record<string, string> = {}): { child: ChildProcess; ended: Promise<Ended> } {
  const child = spawn(process.execPath, [join(checkout, 'scripts/bootstrap.mjs'), ...args], {
    cwd: tmpdir(),
    env: { ...process.env, NODE_ENV: '', PATH: `${join(checkout, 'tools')}:${process.env['PATH']}`, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text) => (output.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text) => (output.stderr += text));
  return { child, ended: once(child, 'close').then(([status]) => ({ status: status as number | null, ...output })) };
}

async function fakeNpx(script: string): Promise<void> {
  const path = join(checkout, 'tools/npx');
  await writeFile(path, `#!/bin/sh\necho "$*" >> calls\n${script}\n`);
  await chmod(path, 0o755);
}

async function npxCalls(): Promise<readonly string[]> {
  const path = join(checkout, 'calls');
  return existsSync(path) ? (await readFile(path, 'utf8')).trimEnd().split('\n') : [];
}

async function appears(name: string): Promise<void> {
  await expect.poll(() => existsSync(join(checkout, name)), { timeout: 10_000, interval: 10 }).toBe(true);
}
