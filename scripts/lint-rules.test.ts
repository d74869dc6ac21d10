import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/** A file that breaks one rule. The list is the house rules as Biome sees them: a rule that stops firing turns its line red. */
const OFFENCES: readonly (readonly [rule: string, path: string, code: string])[] = [
  ['complexity/noExcessiveCognitiveComplexity', 'services/probe/src/complex.ts', complexFunction()],
  ['complexity/noExcessiveLinesPerFunction', 'services/probe/src/long-function.ts', longFunction(61)],
  [
    'correctness/noNodejsModules',
    'workers/probe/src/reads-disk.ts',
    "import { readFile } from 'node:fs/promises';\nexport const read = readFile;\n",
  ],
  [
    'correctness/noNodejsModules',
    'shared-packages/http/src/reads-disk.ts',
    "import { readFile } from 'fs/promises';\nexport const read = readFile;\n",
  ],
  ['correctness/noUndeclaredDependencies', 'services/probe/src/undeclared.ts', "import { z } from 'zod';\nexport const schema = z;\n"],
  ['correctness/useImportExtensions', 'services/probe/src/no-extension.ts', "import { add } from './sum';\nexport const plus = add;\n"],
  [
    'nursery/noFloatingPromises',
    'services/probe/src/floating.ts',
    'async function go(): Promise<void> {}\nexport function start(): void {\n  go();\n}\n',
  ],
  [
    'nursery/useExhaustiveSwitchCases',
    'services/probe/src/switch.ts',
    "export function name(kind: 'a' | 'b'): string {\n  switch (kind) {\n    case 'a':\n      return 'A';\n  }\n  return '';\n}\n",
  ],
  ['performance/noReExportAll', 'shared-packages/http/src/barrel.ts', "export * from './sum.ts';\n"],
  ['style/noDefaultExport', 'services/probe/src/default.ts', 'export default 1;\n'],
  ['style/noExcessiveLinesPerFile', 'services/probe/src/long-file.ts', longFile(301)],
  ['style/noExcessiveLinesPerFile', 'services/probe/src/long-file.test.ts', longFile(601)],
  ['style/noProcessEnv', 'services/probe/src/deps.ts', 'export const port = process.env;\n'],
  ['style/useFilenamingConvention', 'services/probe/src/camelCase.ts', 'export const one = 1;\n'],
  ['style/useThrowOnlyError', 'services/probe/src/throws.ts', "export function fail(): never {\n  throw 'text';\n}\n"],
  ['suspicious/noConsole', 'services/probe/src/prints.ts', "console.log('text');\n"],
  ['suspicious/noExplicitAny', 'services/probe/src/any.ts', 'export let value: any;\n'],
  ['suspicious/noFocusedTests', 'services/probe/src/focused.test.ts', "import { it } from 'vitest';\nit.only('x', () => {});\n"],
  ['suspicious/noSkippedTests', 'services/probe/src/skipped.test.ts', "import { it } from 'vitest';\nit.skip('x', () => {});\n"],
];

/** What looks like an offence and is allowed where it stands. */
const EXCEPTIONS: readonly (readonly [path: string, code: string])[] = [
  ['services/probe/src/main.ts', 'export const port = process.env;\n'],
  ['dev-stack/src/say.ts', 'console.log(process.env);\n'],
  ['cli/src/say.ts', "console.log('text');\n"],
  ['workers/probe/src/worker.ts', 'export default {};\n'],
  ['workers/probe/drizzle.config.ts', 'export default {};\n'],
  ['shared-packages/http/src/node/disk.ts', "import { readFile } from 'node:fs/promises';\nexport const read = readFile;\n"],
  ['shared-packages/logging/src/console-sink.ts', "export function write(): void {\n  console.log('text');\n}\n"],
  ['services/probe/tests/suite.test.ts', `import { it } from 'vitest';\nit('x', () => {\n${'  it;\n'.repeat(70)}});\n`],
];

interface Diagnostic {
  readonly category: string;
  readonly severity: string;
  readonly location: { readonly path: string };
}

let folder: string;
let found: ReadonlyMap<string, readonly string[]>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rubot-lint-'));
  await cp('biome.jsonc', join(folder, 'biome.jsonc'));
  const files = [...OFFENCES.map(([, path, code]) => [path, code] as const), ...EXCEPTIONS];
  await Promise.all(files.map(([path, code]) => write(path, code)));
  await write('services/probe/package.json', '{ "name": "probe" }\n');
  await write('services/probe/src/sum.ts', 'export function add(a: number, b: number): number {\n  return a + b;\n}\n');
  found = await lint(folder);
});

afterAll(() => rm(folder, { recursive: true, force: true }));

describe('house rules in biome.jsonc', () => {
  it.each(OFFENCES)('%s fires in %s', (rule, path) => {
    expect(found.get(path)).toContain(`lint/${rule}`);
  });

  it.each(EXCEPTIONS)('%s is allowed what others are not', (path) => {
    expect(found.get(path)?.filter((category) => category.startsWith('lint/')) ?? []).toEqual([]);
  });
});

async function write(path: string, content: string): Promise<void> {
  await mkdir(dirname(join(folder, path)), { recursive: true });
  await writeFile(join(folder, path), content);
}

/** The rules that fired, by file. */
async function lint(cwd: string): Promise<ReadonlyMap<string, readonly string[]>> {
  const args = ['lint', '--vcs-enabled=false', '--max-diagnostics=none', '--reporter=json', '.'];
  const output = await new Promise<string>((resolve) => {
    // Findings end in a status above 0; what is wrong with the run itself shows as unreadable output.
    execFile(join(process.cwd(), 'node_modules/.bin/biome'), args, { cwd, maxBuffer: 1 << 26 }, (_error, stdout) => resolve(stdout));
  });
  const { diagnostics } = JSON.parse(output) as { diagnostics: readonly Diagnostic[] };
  const errors = diagnostics.filter(({ severity }) => severity === 'error');
  const byFile = Map.groupBy(errors, ({ location }) => location.path);
  return new Map([...byFile].map(([path, list]) => [path, list.map(({ category }) => category)]));
}

function longFunction(lines: number): string {
  return `export function long(): number {\n  let sum = 0;\n${'  sum += 1;\n'.repeat(lines)}  return sum;\n}\n`;
}

function longFile(lines: number): string {
  return Array.from({ length: lines }, (_, index) => `export const name${index} = ${index};\n`).join('');
}

function complexFunction(): string {
  const nested = '    for (const b of a) if (b > 1) while (b > 2) if (b > 3) for (const c of a) if (c > b && b > 4) return c;\n';
  return `export function complex(list: number[][]): number {\n  for (const a of list) {\n${nested}  }\n  return 0;\n}\n`;
}
