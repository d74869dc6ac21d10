import { existsSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';

/** Libraries written as CommonJS call `require`, which an ES module does not have. */
const REQUIRE =
  "import { createRequire as createRequireOfBundle } from 'node:module';\nconst require = createRequireOfBundle(import.meta.url);";

/** Makes `main.js` of a Node service's `src/main.ts`: one file with all it imports, and beside it its source map and its migrations. */
export async function bundleService(folder: string, output: string = join(folder, 'dist')): Promise<void> {
  await build({
    absWorkingDir: folder,
    entryPoints: [join(folder, 'src/main.ts')],
    outfile: join(output, 'main.js'),
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    banner: { js: REQUIRE },
    sourcemap: 'linked',
    // Stack traces need names and lines; the sources themselves stay in the repository.
    sourcesContent: false,
    logLevel: 'warning',
  });
  await copyMigrations(folder, output);
}

/** SQL is read when the service starts, from beside the file that reads it. */
async function copyMigrations(folder: string, output: string): Promise<void> {
  const source = join(folder, 'src/migrations');
  if (existsSync(source)) await cp(source, join(output, 'migrations'), { recursive: true });
}
