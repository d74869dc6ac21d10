import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { RubotError } from '@rubot/errors';

/** Files that nobody but their owner may touch, in a folder of which the same is true. */
export interface PrivateFiles {
  readonly folder: string;
  /** Makes the folder where there is none. @throws RubotError `misconfigured` when others may look into it */
  prepare(): Promise<void>;
  /** Whole or not at all, whatever else is being written; the name must come from us. */
  write(name: string, text: string): Promise<void>;
  /** `undefined` where there is none. @throws RubotError `misconfigured` when others may read it */
  read(name: string): Promise<string | undefined>;
  list(): Promise<readonly string[]>;
  remove(name: string): Promise<void>;
}

const OWNER_ONLY_FOLDER = 0o700;
const OWNER_ONLY_FILE = 0o600;
const OF_OTHERS = 0o077;

export function openPrivateFiles(folder: string): PrivateFiles {
  async function assertOwnFolder(): Promise<boolean> {
    const found = await orUndefined(stat(folder));
    if (found === undefined) return false;
    if (!found.isDirectory()) throw refuse(folder, 'is no folder', 'Name another with RUBOT_TOKEN_STORE.');
    assertOwn(folder, found, 'chmod 700');
    return true;
  }

  return {
    folder,
    async prepare() {
      await mkdir(folder, { recursive: true, mode: OWNER_ONLY_FOLDER });
      await assertOwnFolder();
    },
    async write(name, text) {
      const temporary = join(folder, `.${name}.${randomBytes(8).toString('hex')}`);
      const file = await open(temporary, 'wx', OWNER_ONLY_FILE);
      try {
        await file.writeFile(text);
        await file.sync();
        await file.close();
        await rename(temporary, join(folder, name));
      } catch (thrown) {
        await file.close().catch(ignore);
        await rm(temporary, { force: true });
        throw thrown;
      }
    },
    async read(name) {
      if (!(await assertOwnFolder())) return undefined;
      const path = join(folder, name);
      // A link would lead to a file that is another's to change.
      const file = await orUndefined(open(path, constants.O_RDONLY | constants.O_NOFOLLOW)).catch(refuseLink(path));
      if (file === undefined) return undefined;
      try {
        return await readOwn(file, path);
      } finally {
        await file.close();
      }
    },
    async list() {
      return (await assertOwnFolder()) ? (await readdir(folder)).filter((name) => !name.startsWith('.')).sort() : [];
    },
    remove: (name) => rm(join(folder, name), { force: true }),
  };
}

function ignore(): void {}

async function readOwn(file: FileHandle, path: string): Promise<string> {
  const found = await file.stat();
  if (!found.isFile()) throw refuse(path, 'is no file', 'Remove it.');
  assertOwn(path, found, 'chmod 600');
  return file.readFile('utf8');
}

function assertOwn(path: string, { uid, mode }: { readonly uid: number; readonly mode: number }, remedy: string): void {
  const me = process.getuid?.();
  // Windows knows neither.
  if (me === undefined) return;
  if (uid !== me) throw refuse(path, 'belongs to somebody else', 'Name another folder with RUBOT_TOKEN_STORE.');
  if ((mode & OF_OTHERS) !== 0) {
    throw refuse(
      path,
      'is open to others on this machine',
      `Revoke the tokens in it if anybody may have read them, then: ${remedy} ${path}`,
    );
  }
}

function refuseLink(path: string): (thrown: unknown) => never {
  return (thrown) => {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ELOOP') throw refuse(path, 'is a link', 'Remove it.');
    throw thrown;
  };
}

function refuse(path: string, what: string, remedy: string): RubotError {
  return new RubotError('misconfigured', `${path} ${what}; tokens are kept where their owner alone can read them. ${remedy}`);
}

/** Of what is not there. */
async function orUndefined<T>(found: Promise<T>): Promise<T | undefined> {
  try {
    return await found;
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return undefined;
    throw thrown;
  }
}
