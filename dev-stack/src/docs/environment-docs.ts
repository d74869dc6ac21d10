import { readFile, writeFile } from 'node:fs/promises';
import { renderEnvironmentExample, renderEnvironmentPage } from '@rubot/config/document';
import type { Deployable } from './find-deployables.ts';

/** Texts by their paths, relative to the checkout. */
export type GeneratedFiles = ReadonlyMap<string, string>;

export interface ApplyOptions {
  readonly root: URL;
  /** Writes nothing. */
  readonly isCheck: boolean;
}

export function renderEnvironmentDocs(deployables: readonly Deployable[]): GeneratedFiles {
  const page = renderEnvironmentPage(deployables.map(({ folder, variables }) => ({ name: toServiceName(folder), variables })));
  const examples = deployables.flatMap(({ folder, variables }) => {
    const name = toExampleName(folder);
    return name === undefined ? [] : [[`${folder}/${name}`, renderEnvironmentExample(variables)] as const];
  });
  return new Map([['env-vars.md', page], ...examples]);
}

function toServiceName(folder: string): string {
  return folder.split('/').at(-1) ?? folder;
}

/** wrangler reads `.dev.vars`, a container host's tools read `.env`; the command reads the shell it is called from. */
function toExampleName(folder: string): string | undefined {
  if (folder.startsWith('workers/')) return '.dev.vars.example';
  return folder.startsWith('services/') ? '.env.example' : undefined;
}

/** @returns the paths that were not as generated */
export async function applyEnvironmentDocs(files: GeneratedFiles, { root, isCheck }: ApplyOptions): Promise<readonly string[]> {
  const drifted: string[] = [];
  for (const [path, text] of files) {
    if ((await readIfPresent(new URL(path, root))) === text) continue;
    drifted.push(path);
    if (!isCheck) await writeFile(new URL(path, root), text);
  }
  return drifted;
}

async function readIfPresent(path: URL): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return undefined;
    throw thrown;
  }
}
