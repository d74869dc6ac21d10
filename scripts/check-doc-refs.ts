import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findBrokenReferences } from './doc-refs/find-broken-references.ts';

const ROOT = join(import.meta.dirname, '..');
const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: Record<string, string> };
// Not asked of git, which refuses to answer in a checkout of another user.
const pages = globSync('**/*.md', { cwd: ROOT, exclude: ['**/node_modules', '**/dist', '.rubot'] });

const broken = pages.flatMap((path) => {
  const page = { path, text: readFileSync(join(ROOT, path), 'utf8') };
  return findBrokenReferences(page, { root: ROOT, scripts: Object.keys(scripts) }).map((reference) => `${path}: ${reference} is not there`);
});
for (const line of broken) console.error(line);
if (broken.length > 0) process.exitCode = 1;
else console.log(`${pages.length} pages, every path and script they name is there`);
