import { existsSync, globSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { commandOf, readDockerfile, type Stage, valuesOf } from './dockerfile.ts';

const SERVICES = globSync('services/*/src/main.ts').map((path) => path.split('/')[1] ?? '');
const REFERENCE = 'orchestrator';

function read(service: string, file: string): string {
  return readFileSync(`services/${service}/${file}`, 'utf8');
}

function stagesOf(service: string): readonly [build: Stage, image: Stage] {
  return readDockerfile(`services/${service}/Dockerfile`) as unknown as [Stage, Stage];
}

describe('the files a service is deployed by', () => {
  it('are looked at for every service', () => {
    expect(SERVICES.length).toBeGreaterThanOrEqual(4);
  });

  it.each(SERVICES)('of %s differ from those of its neighbours by the name only', (service) => {
    expect(read(service, 'Dockerfile')).toBe(read(REFERENCE, 'Dockerfile').replaceAll(REFERENCE, service));
    // Parsed, as the formatter breaks lines where the name is long.
    expect(JSON.parse(read(service, 'railway.json'))).toEqual(JSON.parse(read(REFERENCE, 'railway.json').replaceAll(REFERENCE, service)));
  });
});

describe.each(SERVICES)('the image of %s', (service) => {
  const [build, image] = stagesOf(service);

  it('copies what is there and what the context lets in', () => {
    const allowed = readFileSync('.dockerignore', 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('!'));
    const sources = valuesOf(build, 'COPY').flatMap((value) => value.split(' ').slice(0, -1));
    expect(sources.filter((path) => !existsSync(path))).toEqual([]);
    expect(sources.filter((path) => !allowed.includes(`!${path.split('/')[0]}`))).toEqual([]);
    expect(sources).toContain(`services/${service}`);
  });

  it('runs the Node that the repository runs', () => {
    const version = readFileSync('.node-version', 'utf8').trim();
    expect([build.base, image.base]).toEqual([`node:${version} AS build`, `node:${version}-slim`]);
    expect(readFileSync('pnpm-workspace.yaml', 'utf8')).toContain(`\n  node: ${version}\n`);
  });

  it('runs as a user without rights, and without a shell between it and its signals', () => {
    expect(valuesOf(image, 'USER')).toEqual(['node']);
    expect(commandOf(image, 'CMD')).toEqual(['node', '--enable-source-maps', 'dist/main.js']);
    expect(commandOf(image, 'HEALTHCHECK')[0]).toBe('node');
    expect(valuesOf(image, 'RUN')).toEqual([]);
  });

  it('bakes no settings in but the port', () => {
    expect(valuesOf(image, 'ENV')).toEqual(['NODE_ENV=production PORT=8080']);
  });
});

describe.each(SERVICES)('railway.json of %s', (service) => {
  const { build, deploy } = JSON.parse(read(service, 'railway.json')) as {
    build: { dockerfilePath: string; watchPatterns: readonly string[] };
    deploy: Record<string, unknown>;
  };

  it('rebuilds when something changes that goes into the image', () => {
    const sources = valuesOf(stagesOf(service)[0], 'COPY').flatMap((value) => value.split(' ').slice(0, -1));
    const watched = build.watchPatterns.map((pattern) => pattern.replace(/^\//, '').replace('/**', ''));
    expect(watched.toSorted()).toEqual(sources.toSorted());
    expect(build.dockerfilePath).toBe(`services/${service}/Dockerfile`);
  });

  it('sends traffic only to what is ready, and lets answers end', () => {
    expect(deploy).toMatchObject({ healthcheckPath: '/readyz', restartPolicyType: 'ALWAYS' });
    // Above the default of DRAIN_TIMEOUT_MS, or the platform would cut what the service lets end.
    expect(deploy['drainingSeconds']).toBeGreaterThan(30);
  });
});
