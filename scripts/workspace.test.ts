import { globSync, readFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { describe, expect, it } from 'vitest';

interface Manifest {
  readonly name: string;
  readonly private?: boolean;
  readonly type?: string;
  readonly scripts?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

const PACKAGES = globSync(['{workers,services,shared-packages}/*/package.json', '{dev-stack,cli}/package.json']).map(
  (path) => [dirname(path), JSON.parse(readFileSync(path, 'utf8')) as Manifest] as const,
);

it('sees the packages', () => {
  expect(PACKAGES.length).toBeGreaterThan(15);
});

describe.each(PACKAGES)('%s', (folder, manifest) => {
  it('is named after its folder, and is published nowhere', () => {
    expect(manifest).toMatchObject({ name: `@rubot/${basename(folder)}`, private: true, type: 'module' });
  });

  it('has its types checked: turbo passes over a package without the script', () => {
    expect(manifest.scripts?.['typecheck']).toMatch(/^tsc\b/);
  });

  it('takes versions from the catalog and neighbours from the workspace', () => {
    const ranges = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies });
    const wrong = ranges.filter(([name, range]) => range !== (name.startsWith('@rubot/') ? 'workspace:*' : 'catalog:'));
    expect(wrong).toEqual([]);
  });
});

it('every program of package.json is there, and is started through the bootstrap', () => {
  const { scripts = {} } = JSON.parse(readFileSync('package.json', 'utf8')) as Manifest;
  for (const command of Object.values(scripts)) expect(command).toMatch(/^(?:exec )?node scripts\/bootstrap\.mjs /);
  const programs = Object.values(scripts).flatMap((command) => command.match(/\S+\.ts\b/) ?? []);
  expect(programs.length).toBeGreaterThan(3);
  for (const program of programs) expect(globSync(program), program).toEqual([program]);
});
