import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { BootstrapError } from './bootstrap-error.mjs';
import { explainInstallFailure } from './explain-install-failure.mjs';
import { runChild } from './run-child.mjs';

const LOCKFILE = 'pnpm-lock.yaml';
const INPUTS = [LOCKFILE, 'pnpm-workspace.yaml', 'package.json'];
/** Inside node_modules, so that who deletes the one deletes the other. */
const STAMP = 'node_modules/.rubot-install';
const KEPT_OUTPUT_CHARACTERS = 64 * 1024;

/**
 * Installs when something that decides what is installed has changed since the last install that ended well.
 *
 * @param {string} root the checkout
 */
export async function installMissing(root) {
  for (const path of INPUTS) if (!existsSync(join(root, path))) throw BootstrapError.incompleteCheckout(path);
  const wanted = fingerprint(root);
  if (readStamp(root) === wanted) return;

  console.error('rubot: installing dependencies (about a minute the first time) …');
  // Taken away first: an install that is cut off leaves no stamp.
  rmSync(join(root, STAMP), { force: true });
  await install(root);
  writeFileSync(join(root, STAMP), wanted);
}

function fingerprint(root) {
  const hash = createHash('sha256').update(`${process.platform} ${process.arch}`);
  for (const path of [...INPUTS, ...packageManifests(root)]) hash.update(`\0${path}\0`).update(readFileSync(join(root, path)));
  return hash.digest('hex');
}

/** `<folder>/package.json` and `<folder>/<folder>/package.json`: the depth of every package of the workspace. */
function packageManifests(root) {
  const outer = folders(root, '.');
  const inner = outer.flatMap((folder) => folders(root, folder));
  return [...outer, ...inner].map((folder) => `${folder}/package.json`).filter((path) => existsSync(join(root, path)));
}

function folders(root, parent) {
  return readdirSync(join(root, parent), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name !== 'node_modules' && !entry.name.startsWith('.'))
    .map((entry) => (parent === '.' ? entry.name : `${parent}/${entry.name}`))
    .sort();
}

function readStamp(root) {
  try {
    return isWhole(root) ? readFileSync(join(root, STAMP), 'utf8') : undefined;
  } catch {
    return undefined; // none, or unreadable: install
  }
}

/** Whether every package still has what was installed for it, as far as a look at the folders tells. */
function isWhole(root) {
  const parts = packageManifests(root).filter((path) => hasDependencies(join(root, path)));
  return existsSync(join(root, 'node_modules/.bin/node')) && parts.every((path) => existsSync(join(root, dirname(path), 'node_modules')));
}

function hasDependencies(manifest) {
  const { dependencies = {}, devDependencies = {} } = JSON.parse(readFileSync(manifest, 'utf8'));
  return Object.keys({ ...dependencies, ...devDependencies }).length > 0;
}

async function install(root) {
  const { packageManager } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const { status, output } = await runCaptured('npx', ['--yes', packageManager, 'install', '--frozen-lockfile'], root);
  if (status === 0) return;
  if (status > 128) throw new BootstrapError('the install was interrupted. Run the command again.', status);
  const explanation = explainInstallFailure(output, { root, packageManager });
  throw new BootstrapError(
    explanation ??
      `the install failed with status ${status}. If it goes on, delete node_modules and run the command again. What pnpm said:\n${output.trimEnd()}`,
  );
}

/** Quiet unless it fails: what the program prints is kept, not shown. */
async function runCaptured(command, args, root) {
  let output = '';
  const keep = (chunk) => {
    output = (output + chunk).slice(-KEPT_OUTPUT_CHARACTERS);
  };
  const start = () => {
    const child = spawn(command, args, { cwd: root, env: installEnvironment(), stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', keep);
    return child;
  };
  try {
    return { status: await runChild(start), output };
  } catch (error) {
    if (error.code === 'ENOENT')
      throw new BootstrapError('npx is not on the PATH. It comes with npm: install npm, then run the command again.');
    throw error;
  }
}

function installEnvironment() {
  // NODE_ENV=production would leave out the development dependencies, which the tools and Node itself are.
  const { NODE_ENV: _ignored, ...environment } = process.env;
  return { ...environment, ...retryPolicy('npm_config_'), ...retryPolicy('pnpm_config_') };
}

/** By default both wait 10 s, then 60 s, for every file: many silent minutes on a machine without a network. */
function retryPolicy(prefix) {
  return { [`${prefix}fetch_retries`]: '2', [`${prefix}fetch_retry_mintimeout`]: '1000', [`${prefix}fetch_retry_maxtimeout`]: '5000' };
}
