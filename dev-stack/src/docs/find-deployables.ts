import { existsSync, readdirSync } from 'node:fs';
import { metaOf, type Variables } from '@rubot/config/variable';
import { z } from 'zod';

/** A folder with a `src/env.ts`. */
export interface Deployable {
  /** Relative to the checkout, such as `workers/gateway`. */
  readonly folder: string;
  readonly variables: Variables;
}

const PARENTS = ['workers', 'services'];

/** Everything that reads an environment, found by its folder, so that a new agent is documented as soon as it is there. */
export async function findDeployables(root: URL): Promise<readonly Deployable[]> {
  const folders = [
    ...PARENTS.flatMap((parent) =>
      readdirSync(new URL(`${parent}/`, root))
        .sort()
        .map((name) => `${parent}/${name}`),
    ),
    'cli',
  ];
  const withEnvironment = folders.filter((folder) => existsSync(new URL(`${folder}/src/env.ts`, root)));
  return await Promise.all(withEnvironment.map(async (folder) => ({ folder, variables: await importVariables(root, folder) })));
}

/** By the house's rule, `env.ts` exports its record of variables under a name that ends in `Variables`. */
async function importVariables(root: URL, folder: string): Promise<Variables> {
  const module: Record<string, unknown> = await import(new URL(`${folder}/src/env.ts`, root).href);
  const found = Object.entries(module).filter(([name, value]) => name.endsWith('Variables') && isVariables(value));
  const [only] = found;
  if (only === undefined || found.length > 1) {
    throw new Error(`${folder}/src/env.ts must export one record of variables, named <service>Variables; it exports ${found.length}.`);
  }
  const variables = only[1] as Variables;
  const undocumented = Object.entries(variables).flatMap(([name, schema]) => (metaOf(schema)?.description === undefined ? [name] : []));
  if (undocumented.length > 0) throw new Error(`${folder}/src/env.ts does not say what these variables do: ${undocumented.join(', ')}.`);
  return variables;
}

function isVariables(value: unknown): value is Variables {
  return typeof value === 'object' && value !== null && Object.values(value).every((schema) => schema instanceof z.ZodType);
}
