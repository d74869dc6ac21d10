import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Binaries, isOpenToAll, type Owner } from './binaries.ts';

export const USER = 'rubot';

export interface ClusterOptions {
  readonly directory: string;
  readonly password: string;
  readonly binaries: Binaries;
  readonly owner: Owner | undefined;
}

/** Makes the data of a PostgreSQL where there are none, or none that this password opens. @returns their folder */
export async function openCluster({ directory, password, binaries, owner }: ClusterOptions): Promise<string> {
  const home = prepareFolder(directory, owner);
  const dataDirectory = join(home, 'data');
  const passwordFile = join(home, 'password');
  // Written last, so that a folder that was left half made is made anew.
  const madeFile = join(home, 'made');
  const made = createHash('sha256').update(password).digest('hex');
  if (!existsSync(madeFile) || readFileSync(madeFile, 'utf8') !== made) {
    rmSync(dataDirectory, { recursive: true, force: true });
    writeFileSync(passwordFile, password, { mode: 0o600 });
    give(passwordFile, owner);
    const flags = ['--auth=scram-sha-256', `--pwfile=${passwordFile}`, '--no-locale', '--encoding=UTF8', '--no-sync', '--no-instructions'];
    await promisify(execFile)(binaries.initdb, ['-D', dataDirectory, '-U', USER, ...flags], { ...owner, cwd: home });
    rmSync(passwordFile);
    writeFileSync(madeFile, made);
  }
  return dataDirectory;
}

function prepareFolder(directory: string, owner: Owner | undefined): string {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  if (owner === undefined || isOpenToAll(directory)) return claim(directory, owner);
  const name = createHash('sha256').update(directory).digest('hex').slice(0, 16);
  const elsewhere = join('/var/tmp', `rubot-postgres-data-${name}`);
  mkdirSync(elsewhere, { recursive: true, mode: 0o700 });
  return claim(elsewhere, owner);
}

function claim(directory: string, owner: Owner | undefined): string {
  give(directory, owner);
  chmodSync(directory, 0o700);
  return directory;
}

function give(path: string, owner: Owner | undefined): void {
  if (owner !== undefined) chownSync(path, owner.uid, owner.gid);
}
