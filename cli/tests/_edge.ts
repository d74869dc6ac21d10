import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { type RunningWorkers, startWorkers } from '@rubot/testkit/workerd/start-workers';
import { type CliResult, run } from './_harness.ts';

const SECRETS = {
  GATEWAY_API_KEY: 'gw-q8Zt5vXc2Lk9Nf4Rb7Yh1Md6Ps3Wj0Ae',
  ADMIN_API_KEY: 'ad-u2Hn7Kx4Bz9Qw5Tj1Vc6Gy3Lf8Rp0Sd',
  MIDDLEWARE_API_KEY: 'mw-e5Rj8Wd1Cn6Xv3Zk9Tq4Bf7Yg2Hm0Lp',
  BEARER_SIGNING_SECRET: 'bs-x7Pl2Df9Gk4Mw6Sc1Vt8Nz5Qb3Rh0Jy',
  ENCRYPTION_SECRET: 'es-q4Wm8Zr1Ty6Ub3Nk9Vc5Xp7Ld2Hj0Gf',
} as const;

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));
const LOCATION = new URL('../../', import.meta.url);

/** Both Workers in workerd, with a database; nothing stands behind them. */
export interface Edge {
  readonly url: string;
  readonly workers: RunningWorkers;
  /** Asks the gateway as its operator. */
  admin(method: string, path: string, body?: unknown): Promise<Response>;
  stop(): Promise<void>;
}

export async function startEdge(): Promise<Edge> {
  const { MIDDLEWARE_API_KEY, BEARER_SIGNING_SECRET, ENCRYPTION_SECRET, GATEWAY_API_KEY, ADMIN_API_KEY } = SECRETS;
  const middleware = { MIDDLEWARE_API_KEY, BEARER_SIGNING_SECRET, ENCRYPTION_SECRET, OUTBOUND_HOSTS: 'api.example.com' };
  const gateway = { GATEWAY_API_KEY, ADMIN_API_KEY, MIDDLEWARE_API_KEY, BEARER_SIGNING_SECRET, LINK_URL: 'https://app.test/link' };
  const workers = await startWorkers({
    workers: [
      { directory: new URL('workers/middleware/', LOCATION), variables: middleware },
      { directory: new URL('workers/gateway/', LOCATION), variables: { ...gateway, ORCHESTRATOR_URL: 'http://127.0.0.1:1' } },
    ],
    onLine: () => {},
    onNoise: () => {},
  });
  const url = workers.urlOf('rubot-gateway-dev');
  return {
    url,
    workers,
    stop: workers.stop,
    admin: (method, path, body) =>
      fetch(`${url}${path}`, {
        method,
        headers: { authorization: `Bearer ${ADMIN_API_KEY}`, 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
  };
}

/** A person at a machine, with a home of their own. */
export interface Desk {
  readonly home: string;
  readonly store: string;
  /** Starts the command as a process of its own, with the operator's key. */
  start(parameters: readonly string[], environment?: Readonly<Record<string, string>>): ChildProcess;
  /** As `start`, to its end. */
  runProcess(parameters: readonly string[], environment?: Readonly<Record<string, string>>, input?: string): Promise<CliResult>;
  /** Runs it within this process, which costs no start of another; what it starts itself has our output. */
  run(parameters: readonly string[], environment?: Readonly<Record<string, string>>): Promise<CliResult>;
  /** Every file below the home, with what is in it. */
  readFiles(): Promise<readonly [string, string][]>;
  remove(): Promise<void>;
}

export async function openDesk(edge: Edge): Promise<Desk> {
  const home = await mkdtemp(join(tmpdir(), 'rubot-desk-'));
  const base = { HOME: home, PATH: process.env['PATH'] ?? '', RUBOT_GATEWAY_URL: edge.url, ADMIN_API_KEY: SECRETS.ADMIN_API_KEY };

  function start(parameters: readonly string[], environment: Readonly<Record<string, string>> = {}): ChildProcess {
    return spawn(process.execPath, [MAIN, ...parameters], { cwd: home, env: { ...base, ...environment }, stdio: 'pipe' });
  }

  return {
    home,
    store: join(home, '.config', 'rubot', 'tokens'),
    start,
    run: (parameters, environment = {}) => run(parameters, home, { ...base, ...environment }),
    async runProcess(parameters, environment, input = '') {
      const child = start(parameters, environment);
      child.stdin?.end(input);
      const [stdout, stderr, [status]] = await Promise.all([text(child.stdout!), text(child.stderr!), once(child, 'close')]);
      return { status: status as number, stdout, stderr };
    },
    async readFiles() {
      const entries = await readdir(home, { recursive: true, withFileTypes: true });
      const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
      return Promise.all(paths.map(async (path): Promise<[string, string]> => [path, await readFile(path, 'utf8')]));
    },
    remove: () => rm(home, { recursive: true }),
  };
}
