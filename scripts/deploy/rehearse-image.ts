import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { readDockerfile, valuesOf } from './dockerfile.ts';

/** What `.dockerignore` keeps out and would be wrong, or slow, to copy. */
const LEFT_OUT = new Set(['node_modules', 'dist', 'tests', '.turbo']);

export interface RehearsedImage {
  /** The folder that would be the image's working directory. */
  readonly folder: string;
}

/**
 * Does what the stages of a Dockerfile say, in folders instead of containers: the steps are proven, the base images are not.
 *
 * @param folder an empty one; whoever made it removes it
 */
export function rehearseImage({ service, folder }: { service: string; folder: string }): RehearsedImage {
  const [build, image] = readDockerfile(`services/${service}/Dockerfile`);
  if (build === undefined || image === undefined) throw new Error(`the Dockerfile of ${service} has not two stages`);
  const repository = join(folder, 'repository');
  const result = join(folder, 'app');

  for (const { name, value } of build.instructions) {
    if (name === 'COPY') copy(value, process.cwd(), repository, (path) => !LEFT_OUT.has(basename(path)));
    if (name === 'RUN') execFileSync('sh', ['-c', value], { cwd: repository, env: buildEnvironment(folder), stdio: 'pipe' });
  }
  for (const value of valuesOf(image, 'COPY'))
    copy(value.replace('--from=build ', '').replaceAll('/repository/', ''), repository, result, () => true);
  return { folder: result };
}

function copy(value: string, from: string, to: string, filter: (path: string) => boolean): void {
  const paths = value.split(' ');
  const target = join(to, paths.pop() ?? '.');
  mkdirSync(to, { recursive: true });
  for (const path of paths) {
    // To `./` a file keeps its name; a folder's content goes to the name given.
    const isFile = /\.\w+$/.test(path);
    cpSync(join(from, path), isFile ? join(target, basename(path)) : target, { recursive: true, filter });
  }
}

/** Global installs stay inside the folder, and what the caches hold is not asked for again. */
function buildEnvironment(folder: string): NodeJS.ProcessEnv {
  const global = join(folder, 'global');
  return {
    ...process.env,
    PATH: `${global}/bin:${process.env['PATH']}`,
    npm_config_prefix: global,
    npm_config_prefer_offline: 'true',
    pnpm_config_prefer_offline: 'true',
  };
}
