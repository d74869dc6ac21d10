import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { secret } from '@rubot/config/secret';
import { variable } from '@rubot/config/variable';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { REPOSITORY } from '../repository.ts';
import { applyEnvironmentDocs, renderEnvironmentDocs } from './environment-docs.ts';
import { findDeployables } from './find-deployables.ts';

const VARIABLES = {
  GATEWAY_API_KEY: secret('Opens the door.'),
  PORT: variable(z.coerce.number().default(8_080), { description: 'Where it listens.' }),
};

let directory: string;
let root: URL;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rubot-docs-'));
  root = pathToFileURL(`${directory}/`);
  for (const folder of ['workers/gateway/src', 'services/agent-x/src']) await mkdir(join(directory, folder), { recursive: true });
});
afterEach(() => rm(directory, { recursive: true }));

describe('renderEnvironmentDocs', () => {
  it('gives each kind of deployable its example file, and the page all of them', () => {
    const files = renderEnvironmentDocs([
      { folder: 'workers/gateway', variables: VARIABLES },
      { folder: 'services/agent-x', variables: VARIABLES },
      { folder: 'cli', variables: VARIABLES },
    ]);
    expect([...files.keys()]).toEqual(['env-vars.md', 'workers/gateway/.dev.vars.example', 'services/agent-x/.env.example']);
    expect(files.get('env-vars.md')).toContain('| gateway, agent-x, cli | Opens the door. |');
    expect(files.get('services/agent-x/.env.example')).toContain('\nGATEWAY_API_KEY=\n');
  });
});

describe('applyEnvironmentDocs', () => {
  it('sees what is missing or was edited, and puts it right', async () => {
    const files = renderEnvironmentDocs([{ folder: 'workers/gateway', variables: VARIABLES }]);
    const all = ['env-vars.md', 'workers/gateway/.dev.vars.example'];
    expect(await applyEnvironmentDocs(files, { root, isCheck: true })).toEqual(all);
    await expect(readFile(join(directory, 'env-vars.md'))).rejects.toThrow('ENOENT');
    expect(await applyEnvironmentDocs(files, { root, isCheck: false })).toEqual(all);
    expect(await applyEnvironmentDocs(files, { root, isCheck: true })).toEqual([]);
    await writeFile(join(directory, 'env-vars.md'), `${files.get('env-vars.md')} `);
    expect(await applyEnvironmentDocs(files, { root, isCheck: true })).toEqual(['env-vars.md']);
  });
});

describe('findDeployables', () => {
  it('finds every deployable of this repository', async () => {
    const found = await findDeployables(REPOSITORY);
    const folders = ['workers/gateway', 'workers/middleware', 'services/orchestrator', 'services/agent-tables', 'cli'];
    expect(found.map(({ folder }) => folder)).toEqual(expect.arrayContaining(folders));
  });

  it.each([
    ['nothing', 'export {};', /must export one record/],
    ['two records', 'export const aVariables = {}; export const bVariables = {};', /it exports 2/],
  ])('refuses an env.ts that exports %s', async (_, text, message) => {
    await writeFile(join(directory, 'services/agent-x/src/env.ts'), text);
    await expect(findDeployables(root)).rejects.toThrow(message);
  });
});
