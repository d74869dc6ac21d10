import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { isActionHandle, isApiToken } from '@rubot/bearer/api-token';
import { parseJson } from '@rubot/contracts/parse-json';
import { RubotError } from '@rubot/errors';
import { z } from 'zod';
import type { CliContext } from '../context.ts';
import { openPrivateFiles } from './private-files.ts';

/** What a handle stands for on this machine. */
export const StoredToken = z.object({
  version: z.literal(1),
  gateway_url: z.url(),
  tenant_id: z.string(),
  token_id: z.string(),
  name: z.string(),
  token: z.string().refine(isApiToken),
  action_handle: z.string().refine(isActionHandle),
  action_id: z.string(),
  scopes: z.array(z.string()),
  expires_at: z.string(),
});
export type StoredToken = z.infer<typeof StoredToken>;

/** One file a handle. No two commands write the same one, so that none waits for another. */
export interface TokenStore {
  readonly folder: string;
  /** To be called before a token is issued: one that could not be kept would be lost. */
  prepare(): Promise<void>;
  save(token: StoredToken): Promise<void>;
  find(handle: string): Promise<StoredToken | undefined>;
  list(): Promise<readonly StoredToken[]>;
  /** Forgets a token with all of its handles. @returns how many there were */
  forget(tokenId: string): Promise<number>;
}

export function openTokenStore(context: CliContext): TokenStore {
  const files = openPrivateFiles(findFolder(context));

  async function read(handle: string): Promise<StoredToken | undefined> {
    const text = await files.read(toFileName(handle));
    if (text === undefined) return undefined;
    const stored = StoredToken.safeParse(parseJson(text));
    if (stored.success && stored.data.action_handle === handle) return stored.data;
    throw new RubotError(
      'misconfigured',
      `${join(files.folder, toFileName(handle))} is not what rubot writes. Remove it, and issue another token.`,
    );
  }

  async function list(): Promise<readonly StoredToken[]> {
    const handles = (await files.list()).flatMap((name) => toHandle(name) ?? []);
    const stored = await Promise.all(handles.map(read));
    return stored.filter((token) => token !== undefined);
  }

  return {
    folder: files.folder,
    prepare: files.prepare,
    save: (token) => files.write(toFileName(token.action_handle), `${JSON.stringify(token, null, 2)}\n`),
    // A handle comes from a command line: nothing but a whole one becomes a part of a path.
    find: (handle) => (isActionHandle(handle) ? read(handle) : Promise.resolve(undefined)),
    list,
    async forget(tokenId) {
      const known = (await list()).filter((token) => token.token_id === tokenId);
      await Promise.all(known.map((token) => files.remove(toFileName(token.action_handle))));
      return known.length;
    },
  };
}

const EXTENSION = '.json';

function toFileName(handle: string): string {
  return `${handle}${EXTENSION}`;
}

function toHandle(fileName: string): string | undefined {
  const handle = fileName.slice(0, -EXTENSION.length);
  return fileName.endsWith(EXTENSION) && isActionHandle(handle) ? handle : undefined;
}

/** https://specifications.freedesktop.org/basedir-spec/latest/ */
function findFolder({ environment, workingDirectory }: CliContext): string {
  const named = environment['RUBOT_TOKEN_STORE'] ?? '';
  if (named !== '') return resolve(workingDirectory, named);
  const configured = environment['XDG_CONFIG_HOME'] ?? '';
  const home = environment['HOME'] ?? homedir();
  return join(isAbsolute(configured) ? configured : join(home, '.config'), 'rubot', 'tokens');
}
