import { execFile } from 'node:child_process';
import { cpSync, existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAgent } from './create-agent.ts';

const ROOT = join(import.meta.dirname, '../..');
const run = promisify(execFile);

/** A copy of the workspace as far as an agent sees it: what is installed is linked, as an install would take minutes. */
let workspace: string;
beforeAll(() => {
  workspace = mkdtempSync(join(tmpdir(), 'rubot-new-agent-'));
  mkdirSync(join(workspace, 'services'));
  cpSync(join(ROOT, 'services/agent-template'), join(workspace, 'services/agent-template'), {
    recursive: true,
    filter: (source) => !/node_modules|dist|\.turbo/.test(source),
  });
  for (const name of ['node_modules', 'shared-packages', 'vitest.config.ts']) symlinkSync(join(ROOT, name), join(workspace, name));
});
afterAll(() => rmSync(workspace, { recursive: true, force: true }));

/** As a person would, in a process of its own. */
async function runTests(folder: string): Promise<{ success: boolean; numPassedTests: number }> {
  const outputFile = join(workspace, 'report.json');
  const args = ['run', folder, '--root', workspace, '--reporter=json', `--outputFile=${outputFile}`];
  await run(process.execPath, [join(ROOT, 'node_modules/vitest/vitest.mjs'), ...args], {
    cwd: workspace,
    env: { PATH: process.env['PATH'] },
  });
  return JSON.parse(readFileSync(outputFile, 'utf8'));
}

describe('pnpm new:agent', () => {
  it('makes an agent under its own name that passes the agent contract', async () => {
    const folder = createAgent({ root: workspace, name: 'order-status' });
    expect(folder).toBe('services/agent-order-status');
    const files = globSync('**/*', { cwd: join(workspace, folder) }).filter((file) => statSync(join(workspace, folder, file)).isFile());
    expect(files).toEqual(
      expect.arrayContaining([
        'package.json',
        'src/main.ts',
        'src/agent.ts',
        'src/env.ts',
        'tests/contract.test.ts',
        'Dockerfile',
        'railway.json',
      ]),
    );
    const texts = files.map((file) => readFileSync(join(workspace, folder, file), 'utf8')).join('\n');
    expect(texts).not.toMatch(/agent-template|agentTemplate|id: 'template'/);
    expect(texts).toContain("id: 'order-status'");
    expect(texts).toContain('"@rubot/agent-order-status"');

    symlinkSync(join(ROOT, 'services/agent-template/node_modules'), join(workspace, folder, 'node_modules'));
    const report = await runTests(folder);
    expect(report.success).toBe(true);
    expect(report.numPassedTests).toBeGreaterThan(50);
  }, 60_000);

  it.each(['', 'Order', 'order status', '../order', 'order-', '1order', 'x'.repeat(41)])(
    'refuses the name "%s", and writes nothing',
    (name) => {
      expect(() => createAgent({ root: workspace, name })).toThrow(/is no name for an agent/);
      expect(existsSync(join(workspace, `services/agent-${name}`))).toBe(false);
    },
  );

  it('leaves an agent alone that is there', () => {
    expect(() => createAgent({ root: workspace, name: 'template' })).toThrow(/is already there/);
  });
});
