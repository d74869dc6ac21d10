import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BootstrapError } from './bootstrap-error.mjs';
import { explainInstallFailure } from './explain-install-failure.mjs';
import { installMissing } from './install.mjs';
import { runChild } from './run-child.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const BIN = join(ROOT, 'node_modules/.bin');

/** @param {readonly string[]} argv the program and its arguments */
export async function main([program = '', ...args]) {
  try {
    await installMissing(ROOT);
    process.exitCode = await run(program, args);
  } catch (error) {
    const line = error instanceof BootstrapError ? error.message : explainInstallFailure(String(error), { root: ROOT });
    if (line === undefined) throw error;
    console.error(`rubot: ${line}`);
    process.exitCode = error.status ?? 1;
  }
}

/** A path runs under the repository's Node, a bare name is one of the installed tools. */
async function run(program, args) {
  const isPath = program.endsWith('.ts');
  if (isPath && !existsSync(join(ROOT, program))) throw BootstrapError.incompleteCheckout(program);
  const [command, commandArgs] = isPath ? [join(BIN, 'node'), [program, ...args]] : [join(BIN, program), args];
  try {
    return await runChild(() => spawn(command, commandArgs, { cwd: ROOT, env: environment(), stdio: 'inherit' }));
  } catch (error) {
    throw new BootstrapError(`${command} cannot be run (${error.code}). Delete node_modules, then run the command again.`);
  }
}

function environment() {
  return {
    ...process.env,
    // Whatever a child starts by the name `node` is the same Node.
    PATH: [BIN, process.env.PATH].join(delimiter),
    DO_NOT_TRACK: '1',
    TURBO_TELEMETRY_DISABLED: '1',
    WRANGLER_SEND_METRICS: 'false',
  };
}
