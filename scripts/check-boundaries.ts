import { globSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { OFFENCES, sendCanary } from './boundaries/canary.ts';
import { cruise } from './boundaries/cruise.ts';

const ROOT = join(import.meta.dirname, '..');
const PARTS = ['workers', 'services', 'shared-packages', 'dev-stack', 'cli', 'scripts'];

const [{ modules, violations }, { missed, wronged }] = await Promise.all([cruise(ROOT, PARTS), sendCanary()]);

const problems = [
  ...ruleNames()
    .filter((name) => !OFFENCES.some(({ rule }) => rule === name))
    .map((name) => `canary: there is no offence against ${name}; add one to scripts/boundaries/canary.ts`),
  ...missed.map(({ rule, from, imports }) => `canary: ${rule} did not see that ${from} imports ${imports}`),
  ...wronged.map(({ rule, from, to }) => `canary: ${rule} forbids ${from} → ${to}, which is allowed`),
  ...foldersWithSources()
    .filter((folder) => !modules.some((path) => path.startsWith(`${folder}/`)))
    .map((folder) => `${folder}: not one module was read`),
  ...violations.map(({ rule, from, to }) => `${rule}: ${from} → ${to}`),
];
for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exitCode = 1;
else console.log(`${modules.length} modules, no import over a boundary`);

function foldersWithSources(): readonly string[] {
  const sources = globSync(['{workers,services,shared-packages}/*/src/**/*.ts', '{dev-stack,cli}/src/**/*.ts'], { cwd: ROOT });
  return [...new Set(sources.map((path) => path.slice(0, path.indexOf('/src/'))))];
}

function ruleNames(): readonly string[] {
  const { forbidden } = createRequire(import.meta.url)('../.dependency-cruiser.cjs') as { forbidden: readonly { name: string }[] };
  return forbidden.map(({ name }) => name);
}
