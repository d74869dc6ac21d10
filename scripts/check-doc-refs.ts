import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findBrokenReferences } from './doc-refs/find-broken-references.ts';

const ROOT = join(import.meta.dirname, '..');
const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: Record<string, string> };
const pages = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '*.md'], { cwd: ROOT, encoding: 'utf8' })
  .trim()
  .split('\n')
  .filter((path) => existsSync(join(ROOT, path)));

const broken = pages.flatMap((path) => {
  const page = { path, text: readFileSync(join(ROOT, path), 'utf8') };
  return findBrokenReferences(page, { root: ROOT, scripts: Object.keys(scripts) }).map((reference) => `${path}: ${reference} is not there`);
});
for (const line of broken) console.error(line);
if (broken.length > 0) process.exitCode = 1;
else console.log(`${pages.length} pages, every path and script they name is there`);
