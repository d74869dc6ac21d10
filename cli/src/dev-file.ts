import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DEV_FILE_PATH, DevFile } from '@rubot/contracts/dev-file';
import { parseJson } from '@rubot/contracts/parse-json';
import { RubotError } from '@rubot/errors';

/** The local stack of the checkout that a folder is in, or of the one that this command belongs to; `undefined` without one. */
export function findDevFile(workingDirectory: string): DevFile | undefined {
  const folders = [...ancestorsOf(workingDirectory), join(import.meta.dirname, '..', '..')];
  for (const folder of folders) {
    const text = readIfPresent(join(folder, DEV_FILE_PATH));
    if (text !== undefined) return parseDevFile(text, join(folder, DEV_FILE_PATH));
  }
  return undefined;
}

/** The local stack, when it is its gateway that is asked: its keys open nothing else and are sent nowhere else. */
export function findStackOf(workingDirectory: string, gatewayUrl: string): DevFile | undefined {
  const devFile = findDevFile(workingDirectory);
  return devFile !== undefined && new URL(devFile.gateway_url).origin === gatewayUrl ? devFile : undefined;
}

function* ancestorsOf(folder: string): Generator<string, void, undefined> {
  yield folder;
  if (dirname(folder) !== folder) yield* ancestorsOf(dirname(folder));
}

function readIfPresent(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && (thrown.code === 'ENOENT' || thrown.code === 'ENOTDIR')) return undefined;
    throw thrown;
  }
}

function parseDevFile(text: string, path: string): DevFile {
  const result = DevFile.safeParse(parseJson(text));
  if (result.success) return result.data;
  throw new RubotError('misconfigured', `${path} is not what this version of rubot writes. Start the stack again with: npm start`);
}
