import type { Finding } from '@rubot/contracts/diagnosis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Stack, startStack } from '../../src/stack/start-stack.ts';
import { type CommandFolder, createCommandFolder } from '../traces/_rubot-command.ts';

const SHIFT_CLOCK = new URL('../../nemesis/world/shift-clock.ts', import.meta.url).href;

let folder: CommandFolder;
let stack: Stack;

beforeAll(async () => {
  folder = await createCommandFolder();
  stack = await startStack({ agents: ['conversational', 'tables'], seed: false });
  await folder.tellOf(stack);
});
afterAll(async () => {
  await stack.stop();
  await folder.remove();
});

async function examine(environment: Record<string, string> = {}) {
  const { status, stdout, stderr } = await folder.run(['doctor', '--env', 'local', '--json'], environment);
  const { ok, findings } = JSON.parse(stdout) as { ok: boolean; findings: Finding[] };
  expect([status === 0, stderr === ''], stderr).toEqual([ok, ok]);
  return findings.filter(({ status }) => status !== 'ok').map(({ subject, status, check }) => `${subject}: ${status}: ${check}`);
}

describe('rubot doctor, before a whole stack', () => {
  it('finds nothing wrong, and shows what it has looked at', async () => {
    const { status, stdout, stderr } = await folder.run(['doctor', '--env', 'local']);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toContain(`${stack.urls.gateway}, the local stack\n\ncommand line → gateway\n  ok       reachable     it answers\n`);
    for (const pair of [
      'gateway → middleware',
      'middleware → D1',
      'gateway → orchestrator',
      'orchestrator → PostgreSQL',
      'orchestrator → gateway',
    ]) {
      expect(stdout).toContain(`\n\n${pair}\n  ok `);
    }
    expect(stdout).toMatch(
      /\n\norchestrator → agent-tables\n(?: {2}ok .*\n)+\nagent-tables\n {2}ok .*\n\nagent-tables → middleware\n(?: {2}ok .*\n)+/,
    );
    expect(stdout).toMatch(/\n\n\d+ ok\n$/);
    for (const key of Object.values(stack.keys)) expect(stdout).not.toContain(key);
  });

  it('reads the file of an environment, and says where the process has another word', async () => {
    const { GATEWAY_API_KEY, ADMIN_API_KEY } = stack.keys;
    await folder.write('.env.elsewhere', `RUBOT_GATEWAY_URL=${stack.urls.gateway}\nADMIN_API_KEY=${ADMIN_API_KEY}\n`);
    const elsewhere = ['doctor', '--env', 'elsewhere'];
    const right = await folder.run(elsewhere);
    expect([right.status, right.stdout]).toEqual([0, expect.stringContaining(`${stack.urls.gateway}, as .env.elsewhere says\n`)]);
    const wrong = await folder.run(elsewhere, { ADMIN_API_KEY: GATEWAY_API_KEY });
    expect([wrong.status, wrong.stdout]).toEqual([1, expect.stringContaining('but for ADMIN_API_KEY of the process environment')]);
    expect(wrong.stdout).toMatch(/problem {2}secret +ADMIN_API_KEY differs/);
    expect(wrong.stderr).toBe('rubot: Do not ship this: 1 problem(s) were found.\n');
    await folder.write('.env.production', `RUBOT_GATEWAY_URL=${stack.urls.gateway}\nADMIN_API_KEY=${ADMIN_API_KEY}\n`);
    const mistaken = await folder.run(['doctor', '--env', 'production']);
    expect([mistaken.status, mistaken.stdout]).toEqual([
      1,
      expect.stringContaining('the gateway is of the environment development, and not of production'),
    ]);
  });

  it('knows whose clock is wrong when it is this machine’s', async () => {
    const shifted = { NODE_OPTIONS: `--import ${SHIFT_CLOCK}`, RUBOT_CLOCK_SHIFT_MS: '-30000' };
    expect(await examine(shifted)).toEqual(['command line → gateway: problem: clock']);
  });

  it('names each service that is stopped, and what was not looked at for it', async () => {
    await stack.stopService('agent-tables');
    expect(await examine()).toEqual(['orchestrator → agent-tables: problem: reachable', 'orchestrator → agent-tables: skipped: behind']);
    await stack.startService('agent-tables');
    await stack.stopService('postgres');
    expect(await examine()).toEqual(['orchestrator → PostgreSQL: problem: reachable']);
    await stack.stopService('orchestrator');
    expect(await examine()).toEqual(['gateway → orchestrator: problem: reachable', 'gateway → orchestrator: skipped: behind']);
    await stack.stopService('workers');
    expect(await examine()).toEqual(['command line → gateway: problem: reachable', 'command line → gateway: skipped: behind']);
  }, 60_000);
});

describe('rubot doctor, before a stack in which one clock and one key are wrong', () => {
  let place: CommandFolder;
  let wrong: Stack;

  beforeAll(async () => {
    place = await createCommandFolder();
    wrong = await startStack({
      agents: ['conversational'],
      seed: false,
      variables: {
        orchestrator: { NODE_OPTIONS: `--import ${SHIFT_CLOCK}`, RUBOT_CLOCK_SHIFT_MS: '30000' },
        gateway: { BEARER_SIGNING_SECRET: 'no-n5Ke8Xw2Mb7Vq1Zt4Rc9Jd6Hf3Ys0Pg' },
      },
    });
    await place.tellOf(wrong);
  });
  afterAll(async () => {
    await wrong.stop();
    await place.remove();
  });

  it('names both', async () => {
    const { status, stdout } = await place.run(['doctor']);
    expect(status).toBe(1);
    expect(stdout).toMatch(/gateway → middleware\n(?:.*\n)* {2}problem {2}secret +BEARER_SIGNING_SECRET differs[\s\S]*Every tool call/);
    expect(stdout).toMatch(
      /gateway → orchestrator\n(?:.*\n)* {2}problem {2}clock +the clock of the orchestrator is (?:2\d|30)\.\d s ahead/,
    );
    expect(stdout).toMatch(/orchestrator → gateway\n(?:.*\n)* {2}problem {2}clock +the clock of the gateway is (?:2\d|30)\.\d s behind/);
  });
});
