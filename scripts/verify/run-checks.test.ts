import { describe, expect, it } from 'vitest';
import { type Check, runChecks } from './run-checks.ts';

const pass: Check = { name: 'passing', command: ['node', '--eval', 'console.log("quiet")'] };
const fail: Check = { name: 'failing', command: ['node', '--eval', 'console.error("why it failed"); process.exitCode = 3'] };
const killed: Check = { name: 'killed', command: ['node', '--eval', 'process.kill(process.pid, "SIGKILL")'] };
const missing: Check = { name: 'missing', command: ['no-such-program'] };

async function run(checks: readonly Check[], concurrency = 2): Promise<{ failed: readonly string[]; text: string }> {
  const lines: string[] = [];
  const failed = await runChecks(checks, { folder: '.', concurrency, print: (line) => lines.push(line) });
  return { failed, text: lines.join('\n') };
}

describe('runChecks', () => {
  it('prints one line for what holds, and not what it printed', async () => {
    const { failed, text } = await run([pass]);
    expect(failed).toEqual([]);
    expect(text).toMatch(/^ok +passing +\d+\.\d s\n\nall 1 checks hold/);
    expect(text).not.toContain('quiet');
  });

  it.each([1, 2, 8])('runs every check and reports every failure, %i at a time', async (concurrency) => {
    const { failed, text } = await run([fail, pass, missing, killed], concurrency);
    expect([...failed].sort()).toEqual(['failing', 'killed', 'missing']);
    expect(text).toContain('── failing ──\nwhy it failed');
    expect(text).toContain('no-such-program could not be run');
    expect(text).toMatch(/ok +passing/);
    expect(text).toMatch(/3 of 4 checks failed/);
  });
});
