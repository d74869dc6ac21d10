import { globSync } from 'node:fs';
import { join } from 'node:path';
import { type Check, runChecks } from './verify/run-checks.ts';

const ROOT = join(import.meta.dirname, '..');
/** The empty name is the configuration outside `env`, that of a development deploy. */
const ENVIRONMENTS = ['', 'staging', 'production'];
/** A dry deploy is one process that bundles: more at a time would only wait for each other. */
const CONCURRENCY = 2;

const checks = globSync('workers/*/wrangler.jsonc', { cwd: ROOT }).flatMap((config) => ENVIRONMENTS.map(toCheck(config)));
if (checks.length === 0) throw new Error('there is no workers/*/wrangler.jsonc');

const failed = await runChecks(checks, { folder: ROOT, concurrency: CONCURRENCY, print: (text) => console.log(text) });
if (failed.length > 0) process.exitCode = 1;

function toCheck(config: string): (environment: string) => Check {
  return (environment) => ({
    name: `${config.split('/')[1]} ${environment || 'development'}`,
    command: ['wrangler', 'deploy', '--dry-run', '--config', config, '--env', environment],
  });
}
