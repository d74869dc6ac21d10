import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findBrokenReferences } from './find-broken-references.ts';

let root: string;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'rubot-docs-'));
  for (const path of ['workers/edge/src/app.ts', 'services/agent-one/src/main.ts', 'docs/deploy.md', 'biome.jsonc']) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), '');
  }
});

afterAll(() => rm(root, { recursive: true, force: true }));

function broken(text: string): readonly string[] {
  return findBrokenReferences({ path: 'docs/page.md', text }, { root, scripts: ['verify'] });
}

describe('findBrokenReferences', () => {
  it.each([
    'see `workers/edge/src/app.ts`.',
    'see workers/edge/src/app.ts, then',
    'in `services/agent-<name>/src/main.ts` and `services/agent-*/src/main.ts`',
    '`{workers,services}/*/src/{app,main}.ts`',
    '[deploying](deploy.md#rollback), [again](../docs/deploy.md), [away](https://example.com/services/gone.ts)',
    'the limits are in `biome.jsonc`, the entry is `main.ts`',
    'run `npm run verify` or `pnpm verify`; `pnpm install`',
    'pnpm comes through npx, and packages export `./src/*.ts`',
    'https://docs.example.com/guides/services/gone and `/workers/gone`',
  ])('finds nothing wrong with: %s', (text) => {
    expect(broken(text)).toEqual([]);
  });

  it.each([
    ['a file', 'see `workers/edge/src/gone.ts`.', 'workers/edge/src/gone.ts'],
    ['a file in prose or in a block', '```sh\nnode scripts/gone.ts\n```', 'scripts/gone.ts'],
    ['a folder', 'in deploy/charts/', 'deploy/charts/'],
    ['a pattern that matches nothing', '`services/agent-<name>/src/gone.ts`', 'services/agent-<name>/src/gone.ts'],
    ['a link', '[gone](gone.md)', 'gone.md'],
    ['a file at the root', '`biome.json`', 'biome.json'],
    ['a script', '`npm run lint`', 'npm run lint'],
    ['a script by pnpm', '```sh\npnpm lint\n```', 'npm run lint'],
  ])('finds %s that is not there', (_name, text, reference) => {
    expect(broken(text)).toEqual([reference]);
  });
});
