import { globSync, readFileSync } from 'node:fs';
import { parse } from 'jsonc-parser';
import { describe, expect, it } from 'vitest';

interface WorkerConfig {
  readonly name: string;
  readonly compatibility_date: string;
  readonly compatibility_flags: readonly string[];
  readonly observability?: { readonly enabled: boolean };
  readonly vars?: Readonly<Record<string, string>>;
  readonly services?: readonly { readonly binding: string; readonly service: string }[];
  readonly d1_databases?: readonly { readonly binding: string; readonly database_name: string; readonly database_id: string }[];
  readonly env: Readonly<Record<string, WorkerConfig>>;
}

const CONFIGS = globSync('workers/*/wrangler.jsonc').map((path) => [path.split('/')[1] ?? '', read(path)] as const);
const ENVIRONMENTS = ['staging', 'production'];

function read(path: string): WorkerConfig {
  return parse(readFileSync(path, 'utf8'), [], { allowTrailingComma: true }) as WorkerConfig;
}

/** The names by which code reaches what is bound; `env` inherits none of them. */
function bindingsOf({ services = [], d1_databases = [], vars = {} }: WorkerConfig): readonly string[] {
  return [...services, ...d1_databases]
    .map(({ binding }) => binding)
    .concat(Object.keys(vars))
    .toSorted();
}

function environmentOf(config: WorkerConfig, name: string): WorkerConfig {
  const environment = config.env[name];
  if (environment === undefined) throw new Error(`there is no env.${name}`);
  return environment;
}

describe.each(CONFIGS)('wrangler.jsonc of %s', (_worker, config) => {
  it.each(ENVIRONMENTS)('%s binds what development binds, and is observed', (name) => {
    const environment = environmentOf(config, name);
    expect(bindingsOf(environment)).toEqual(bindingsOf(config));
    expect(environment.observability?.enabled).toBe(true);
    expect(environment.vars?.['ENVIRONMENT']).toBe(name);
  });

  it('shares neither name nor neighbour nor database between environments', () => {
    const all = [config, ...ENVIRONMENTS.map((name) => environmentOf(config, name))];
    const identities = all.map(({ name, services = [], d1_databases = [] }) => [
      name,
      ...services.map(({ service }) => service),
      ...d1_databases.flatMap(({ database_name, database_id }) => [database_name, database_id]),
    ]);
    const flat = identities.flat();
    expect(new Set(flat).size).toBe(flat.length);
  });

  it('holds no secret', () => {
    const names = [config, ...Object.values(config.env)].flatMap(({ vars = {} }) => Object.keys(vars));
    expect(names.filter((name) => /KEY|SECRET|TOKEN|PASSWORD/.test(name))).toEqual([]);
  });
});

it('the workers run the same platform, and call each other within an environment', () => {
  const configs = Object.fromEntries(CONFIGS) as Record<'gateway' | 'middleware', WorkerConfig>;
  expect(configs.gateway.compatibility_date).toBe(configs.middleware.compatibility_date);
  for (const name of ENVIRONMENTS) {
    const called = environmentOf(configs.gateway, name).services?.map(({ service }) => service);
    expect(called).toEqual([environmentOf(configs.middleware, name).name]);
  }
});
