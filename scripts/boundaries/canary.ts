import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { cruise, type Violation } from './cruise.ts';

interface Offence {
  readonly rule: string;
  readonly from: string;
  readonly imports: string;
}

/** One import, at least, that breaks each rule. */
export const OFFENCES: readonly Offence[] = [
  { rule: 'deployables-stand-alone', from: 'workers/edge/src/calls-a-service.ts', imports: '@rubot/planner/public' },
  { rule: 'deployables-stand-alone', from: 'services/planner/src/planner.test.ts', imports: '@rubot/edge/public' },
  { rule: 'only-dev-stack-composes', from: 'cli/src/calls-a-service.ts', imports: '@rubot/planner/public' },
  { rule: 'only-dev-stack-composes', from: 'shared-packages/http/src/calls-a-service.ts', imports: '@rubot/planner/public' },
  { rule: 'programs-are-not-libraries', from: 'services/planner/src/uses-cli.ts', imports: '@rubot/cli/public' },
  { rule: 'layer-of-contracts', from: 'shared-packages/contracts/src/up.ts', imports: '@rubot/errors/public' },
  { rule: 'layer-of-errors-and-config', from: 'shared-packages/errors/src/sideways.ts', imports: '@rubot/config/public' },
  { rule: 'layer-of-logging-and-keys-and-audit', from: 'shared-packages/keys/src/up.ts', imports: '@rubot/bearer/public' },
  { rule: 'layer-of-bearer', from: 'shared-packages/bearer/src/up.ts', imports: '@rubot/http/public' },
  { rule: 'layer-of-http-and-traces', from: 'shared-packages/http/src/up.ts', imports: '@rubot/models/public' },
  { rule: 'layer-of-models-and-diagnosis', from: 'shared-packages/models/src/up.ts', imports: '@rubot/agent-kit/public' },
  { rule: 'layer-of-agent-kit', from: 'shared-packages/agent-kit/src/sideways.ts', imports: '@rubot/newcomer/public' },
  { rule: 'every-shared-package-has-a-layer', from: 'shared-packages/newcomer/src/any.ts', imports: '@rubot/contracts/public' },
  { rule: 'testkit-in-tests-only', from: 'services/planner/src/fakes.ts', imports: '@rubot/testkit/public' },
  { rule: 'workers-reach-no-node', from: 'workers/edge/src/reads-disk.ts', imports: 'node:fs' },
  { rule: 'workers-reach-no-node', from: 'workers/edge/src/reads-disk-through-others.ts', imports: '@rubot/http/indirect' },
  { rule: 'workers-reach-no-node', from: 'workers/edge/src/logs-by-pino.ts', imports: 'pino' },
  { rule: 'packages-by-their-exports', from: 'services/planner/src/reaches-in.ts', imports: '../../../shared-packages/http/src/public.ts' },
  { rule: 'only-stores-know-drizzle', from: 'workers/edge/src/routes/rows.ts', imports: 'drizzle-orm' },
  { rule: 'app-takes-its-config', from: 'workers/edge/src/app.ts', imports: './env.ts' },
  { rule: 'no-cycles', from: 'services/planner/src/egg.ts', imports: './hen.ts' },
  { rule: 'no-dangling-imports', from: 'services/planner/src/dangling.ts', imports: './gone.ts' },
];

/** Imports that look like one of the above and are allowed. */
const ALLOWED: readonly Omit<Offence, 'rule'>[] = [
  { from: 'workers/edge/src/store/rows.ts', imports: 'drizzle-orm' },
  { from: 'workers/edge/tests/edge.test.ts', imports: 'node:fs' },
  { from: 'workers/edge/tests/fakes.test.ts', imports: '@rubot/testkit/public' },
  { from: 'services/planner/src/main.ts', imports: '@rubot/agent-kit/public' },
  { from: 'shared-packages/agent-kit/src/down.ts', imports: '@rubot/contracts/public' },
  { from: 'dev-stack/src/composes.ts', imports: '@rubot/planner/public' },
];

const PACKAGES = [
  'workers/edge',
  'services/planner',
  'cli',
  ...['contracts', 'errors', 'config', 'keys', 'bearer', 'http', 'models', 'agent-kit', 'testkit', 'newcomer'].map(
    (name) => `shared-packages/${name}`,
  ),
];
const LIBRARIES = ['drizzle-orm', 'pino'];
const TARGETS: Readonly<Record<string, string>> = {
  'shared-packages/http/src/indirect.ts': "import './node/disk.ts';\n",
  'shared-packages/http/src/node/disk.ts': "import 'node:fs';\n",
  'services/planner/src/hen.ts': "import './egg.ts';\n",
  'workers/edge/src/env.ts': 'export {};\n',
};

export interface CanaryResult {
  /** Offences that went unseen: the rules, or the tool, do not work. */
  readonly missed: readonly Offence[];
  /** What was reported though it is allowed. */
  readonly wronged: readonly Violation[];
}

/** Sends offences through the rules in a workspace of its own, since a tool that reads nothing also reports nothing. */
export async function sendCanary(): Promise<CanaryResult> {
  const folder = await mkdtemp(join(tmpdir(), 'rubot-canary-'));
  try {
    await buildWorkspace(folder);
    const { violations } = await cruise(folder, ['workers', 'services', 'shared-packages', 'dev-stack', 'cli']);
    return {
      missed: OFFENCES.filter(({ rule, from }) => !violations.some((violation) => violation.rule === rule && violation.from === from)),
      wronged: violations.filter(({ from }) => ALLOWED.some((allowed) => allowed.from === from)),
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function buildWorkspace(folder: string): Promise<void> {
  const manifest = JSON.stringify({ exports: { './*': './src/*.ts' } });
  const libraries = LIBRARIES.flatMap(
    (name) =>
      [
        [`node_modules/${name}/package.json`, '{}'],
        [`node_modules/${name}/index.js`, ''],
      ] as const,
  );
  const packages = PACKAGES.flatMap(
    (path) =>
      [
        [`${path}/package.json`, manifest],
        [`${path}/src/public.ts`, 'export {};\n'],
      ] as const,
  );
  const imports = [...OFFENCES, ...ALLOWED].map(({ from, imports: specifier }) => [from, `import '${specifier}';\n`] as const);
  await Promise.all(
    [...libraries, ...packages, ...imports, ...Object.entries(TARGETS)].map(([path, text]) => write(join(folder, path), text)),
  );
  await mkdir(join(folder, 'node_modules/@rubot'), { recursive: true });
  await Promise.all(
    PACKAGES.map((path) => symlink(join(folder, path), join(folder, 'node_modules/@rubot', path.split('/').at(-1) ?? path))),
  );
}

async function write(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
}
