import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { findBinaries, findOwner } from './binaries.ts';
import { openCluster, USER } from './cluster.ts';
import { findFreePort } from './free-port.ts';
import { waitForFormer } from './stale-lock.ts';
import { untilReady } from './until-ready.ts';

export interface StartPostgresOptions {
  /** Where its data stay; in a temporary folder by default, which goes with it. */
  readonly directory?: string;
  /** A free one by default. */
  readonly port?: number;
  /** Opens it; data that another one opens are made anew. A new one by default. */
  readonly password?: string;
  /** What it prints. */
  readonly onNoise?: (line: string) => void;
}

/** A real PostgreSQL on loopback that ends with this process. */
export interface RunningPostgres {
  readonly url: string;
  readonly ended: Promise<unknown>;
  /** An empty database beside it. @returns its url */
  createDatabase(name: string): Promise<string>;
  /** `immediate` is what a crash looks like. */
  stop(mode?: 'fast' | 'immediate'): Promise<void>;
  /** After `stop`: the same data behind the same url. */
  start(): Promise<void>;
  /** For good. */
  dispose(): Promise<void>;
}

/** Of the database that is there from the beginning, unless another is named. */
export function toPostgresUrl(port: number, password: string, database = 'postgres'): string {
  return `postgres://${USER}:${password}@127.0.0.1:${port}/${database}`;
}

const READY = 'database system is ready to accept connections';

export async function startPostgres(options: StartPostgresOptions = {}): Promise<RunningPostgres> {
  const { directory, password = randomBytes(24).toString('hex'), onNoise = () => {} } = options;
  const owner = findOwner();
  const binaries = await findBinaries(owner);
  const temporary = directory === undefined ? mkdtempSync(join(tmpdir(), 'rubot-postgres-')) : undefined;
  const dataDirectory = await openCluster({ directory: directory ?? temporary ?? '', password, binaries, owner });
  const port = options.port ?? (await findFreePort());
  const url = toPostgresUrl(port, password);
  let server = await launch();

  async function launch() {
    const settings = ['listen_addresses=127.0.0.1', 'unix_socket_directories=', 'max_connections=200', 'max_wal_size=256MB'];
    // Of a temporary one nobody asks, after a crash of the machine, what had been in it.
    if (temporary !== undefined) settings.push('fsync=off');
    await waitForFormer(dataDirectory);
    const child = spawn(binaries.postgres, ['-D', dataDirectory, '-p', String(port), ...settings.flatMap((setting) => ['-c', setting])], {
      ...owner,
      cwd: dataDirectory,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const end = () => child.kill('SIGQUIT');
    process.once('exit', end);
    const ended = once(child, 'close').finally(() => process.off('exit', end));
    await untilReady({ name: 'PostgreSQL', stderr: child.stderr, readyWords: READY, ended, onNoise });
    return { child, ended };
  }

  async function stop(mode: 'fast' | 'immediate' = 'fast'): Promise<void> {
    server.child.kill(mode === 'fast' ? 'SIGINT' : 'SIGQUIT');
    await server.ended;
  }

  return {
    url,
    ended: server.ended,
    stop,
    async start() {
      server = await launch();
    },
    async createDatabase(name) {
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      await client.query(`CREATE DATABASE ${client.escapeIdentifier(name)}`);
      await client.end();
      return toPostgresUrl(port, password, name);
    },
    async dispose() {
      if (server.child.exitCode === null && server.child.signalCode === null) await stop();
      if (temporary !== undefined) rmSync(temporary, { recursive: true, force: true });
    },
  };
}
