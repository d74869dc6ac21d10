import { existsSync, globSync } from 'node:fs';
import { dirname, join } from 'node:path';

export interface Repository {
  readonly root: string;
  /** Names that `npm run` knows. */
  readonly scripts: readonly string[];
}

export interface Page {
  /** Path from the root. */
  readonly path: string;
  readonly text: string;
}

const FOLDERS = ['workers', 'services', 'shared-packages', 'dev-stack', 'cli', 'docs', 'scripts', 'deploy', '\\.ci', '\\.github'].join('|');
/** `services/agent-<name>/src/{main,env}.ts`: any text that starts as a path of this repository does. */
const PATH_FROM_ROOT = new RegExp(`(?<![\\w@:/.-])(?:${FOLDERS})/[\\w@.*{},<>/-]*`, 'g');
const FILE_IN_CODE = /`((?!\.\/)[\w@.*{},<>/-]+\.(?:ts|mjs|cjs|md|jsonc?|ya?ml|sql))`/g;
const LINK = /\]\((?!https?:|mailto:|#)([^)\s]+)\)/g;
/** `inline`, or the lines between fences. */
const CODE = /```[\s\S]*?```|`[^`\n]+`/g;
const SCRIPT = /\b(?:npm run|pnpm) ([a-z][\w:-]*)/g;
const COMMANDS_OF_PNPM = new Set(['install', 'add', 'exec', 'dlx', 'run', 'test', 'start']);

/** What a page names and the repository does not have. `<name>` and `*` stand for any text. */
export function findBrokenReferences({ path, text }: Page, { root, scripts }: Repository): readonly string[] {
  const beside = dirname(path);
  const fromRoot = matches(text, PATH_FROM_ROOT);
  const files = [...matches(text, FILE_IN_CODE), ...matches(text, LINK).map((link) => link.replace(/[?#].*$/, ''))];
  return [
    ...fromRoot.filter((reference) => !exists(root, reference)),
    ...files.filter((reference) => !exists(root, reference) && !exists(join(root, beside), reference) && !isBareName(reference, root)),
    ...matches(matches(text, CODE).join('\n'), SCRIPT)
      .filter((name) => !COMMANDS_OF_PNPM.has(name) && !scripts.includes(name))
      .map((name) => `npm run ${name}`),
  ].filter((reference, index, all) => all.indexOf(reference) === index);
}

/** `main.ts` without a folder: a name that several packages have, right as long as one has it. */
function isBareName(reference: string, root: string): boolean {
  return !reference.includes('/') && globSync([`*/*/${reference}`, `*/*/src/${reference}`, `*/src/${reference}`], { cwd: root }).length > 0;
}

function exists(folder: string, reference: string): boolean {
  const path = reference.replace(/^\/|[.,]+$/g, '');
  if (!/[*<{]/.test(path)) return existsSync(join(folder, path));
  return globSync(path.replace(/<[^>]*>/g, '*'), { cwd: folder }).length > 0;
}

function matches(text: string, pattern: RegExp): readonly string[] {
  return [...text.matchAll(pattern)].map(([whole, group]) => group ?? whole);
}
