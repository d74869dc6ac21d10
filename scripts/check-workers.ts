import { globSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Check, runChecks } from './verify/run-checks.ts';

const ROOT = join(import.meta.dirname, '..');
/** The empty name is the configuration outside `env`, that of a development deploy. */
const ENVIRONMENTS = ['', 'staging', 'production'];

const configs = globSync('workers/*/wrangler.jsonc', { cwd: ROOT });
const checks = configs.flatMap((config) =>
  ENVIRONMENTS.map(
    (environment): Check => ({
      name: `${config.split('/')[1]} ${environment || 'development'}`,
      command: [
        join(ROOT, dirname(config), 'node_modules/.bin/wrangler'),
        'deploy',
        '--dry-run',
        '--config',
        join(ROOT, config),
        '--env',
        environment,
      ],
    }),
  ),
);
if (checks.length === 0) throw new Error('there is no workers/*/wrangler.jsonc');

const failed = await runChecks(checks, { concurrency: 2, print: (text) => console.log(text) });
if (failed.length > 0) process.exitCode = 1;
