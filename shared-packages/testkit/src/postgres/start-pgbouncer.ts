import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { findOwner, type Owner, SHARED_FOLDER } from './binaries.ts';
import { findFreePort } from './free-port.ts';
import { untilReady } from './until-ready.ts';

export interface StartPgBouncerOptions {
  /** Of any database of the PostgreSQL behind it. */
  readonly postgresUrl: string;
  /** How many connections it keeps to each database. */
  readonly poolSize: number;
}

/** A PgBouncer in transaction mode on loopback that ends with this process. */
export interface RunningPgBouncer {
  /** The way to the same database through it. */
  through(postgresUrl: string): string;
  /** Ends it at once, as its crash would. */
  dispose(): Promise<void>;
}

/** Debian puts it where a user's PATH does not lead. */
const SYSTEM_FOLDER = '/usr/sbin';

/** It comes from the system and not from a package: what needs it is left out, aloud, where it is missing. */
export function findPgBouncer(path: string): string | undefined {
  const folders = [...path.split(delimiter), SYSTEM_FOLDER];
  return folders.map((folder) => join(folder, 'pgbouncer')).find((file) => existsSync(file));
}

/** A connection is lent for a transaction and then to somebody else; no prepared statement outlives that. */
export async function startPgBouncer(program: string, { postgresUrl, poolSize }: StartPgBouncerOptions): Promise<RunningPgBouncer> {
  const owner = findOwner();
  const folder = mkdtempSync(join(SHARED_FOLDER, 'rubot-pgbouncer-'));
  const port = await findFreePort();
  const usersFile = writeOwned(join(folder, 'users.txt'), toUsers(new URL(postgresUrl)), owner);
  const settingsFile = writeOwned(join(folder, 'pgbouncer.ini'), toSettings({ postgresUrl, poolSize, port, usersFile }), owner);
  if (owner !== undefined) chownSync(folder, owner.uid, owner.gid);
  const child = spawn(program, [settingsFile], { ...owner, cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
  const end = () => {
    child.kill('SIGTERM');
    rmSync(folder, { recursive: true, force: true });
  };
  process.once('exit', end);
  const ended = once(child, 'close').finally(() => process.off('exit', end));
  await untilReady({ name: 'PgBouncer', stderr: child.stderr, readyWords: 'process up:', ended });
  return {
    through: (url) => Object.assign(new URL(url), { port: String(port) }).href,
    async dispose() {
      end();
      await ended;
    },
  };
}

function writeOwned(file: string, text: string, owner: Owner | undefined): string {
  writeFileSync(file, text, { mode: 0o600 });
  if (owner !== undefined) chownSync(file, owner.uid, owner.gid);
  return file;
}

function toUsers({ username, password }: URL): string {
  return `"${username}" "${password}"\n`;
}

interface Settings extends StartPgBouncerOptions {
  readonly port: number;
  readonly usersFile: string;
}

function toSettings({ postgresUrl, poolSize, port, usersFile }: Settings): string {
  const postgres = new URL(postgresUrl);
  return `[databases]
* = host=${postgres.hostname} port=${postgres.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = ${usersFile}
pool_mode = transaction
default_pool_size = ${poolSize}
max_client_conn = 1000
server_login_retry = 1
`;
}
