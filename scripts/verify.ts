import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { type Check, runChecks } from './verify/run-checks.ts';

/** Everything that can be said of the repository without running it. The slow ones first, as they bound the whole. */
const CHECKS: readonly Check[] = [
  { name: 'types', command: ['turbo', 'run', 'typecheck', '--continue', '--output-logs=errors-only'] },
  { name: 'worker deploys', command: ['node', 'scripts/check-workers.ts'] },
  { name: 'types of tests', command: ['tsc', '--project', 'tsconfig.json'] },
  { name: 'boundaries', command: ['node', 'scripts/check-boundaries.ts'] },
  { name: 'dead code', command: ['knip', '--no-config-hints', '--no-progress'] },
  { name: 'format, lint', command: ['biome', 'check', '--error-on-warnings', '--max-diagnostics=100', '.'] },
  { name: 'generated files', command: ['node', 'dev-stack/src/env-docs.ts', '--check'] },
  // shared-packages/tsconfig holds configuration, and is no package.
  { name: 'manifests', command: ['sherif', '--ignore-rule', 'packages-without-package-json', '--fail-on-warnings'] },
  { name: 'cited paths', command: ['node', 'scripts/check-doc-refs.ts'] },
];

const failed = await runChecks(CHECKS, {
  folder: join(import.meta.dirname, '..'),
  concurrency: availableParallelism(),
  print: (text) => console.log(text),
});
if (failed.length > 0) process.exitCode = 1;
