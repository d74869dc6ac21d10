import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HEADERS } from '@rubot/contracts/headers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ProcessEnd } from '../src/processes/start-process.ts';
import { completeKeys } from '../src/stack/keys.ts';
import { type Stack, startStack } from '../src/stack/start-stack.ts';

const keys = completeKeys({});
const crashes: ProcessEnd[] = [];
let directory: string;
let stack: Stack;

function boot(): Promise<Stack> {
  return startStack({
    keys,
    agents: ['tables'],
    persistDirectory: join(directory, 'd1'),
    logFile: join(directory, 'logs', 'rubot.ndjson'),
    onCrash: (end) => crashes.push(end),
  });
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rubot-stack-'));
  stack = await boot();
});
afterAll(async () => {
  await stack.stop();
  await rm(directory, { recursive: true });
});

/** @returns the answer and the id of its trace */
async function ask(question: string): Promise<{ status: number; text: string; traceId: string }> {
  const response = await fetch(`${stack.urls.gateway}/v1/chat/completions`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${keys.GATEWAY_API_KEY}`,
      'content-type': 'application/json',
      [HEADERS.sessionId]: stack.demo.session_id,
      [HEADERS.senderId]: stack.demo.sender_id,
    },
    body: JSON.stringify({ messages: [{ role: 'user', content: question }] }),
  });
  return { status: response.status, text: await response.text(), traceId: response.headers.get(HEADERS.traceId) ?? '' };
}

describe('startStack', () => {
  it('answers from the seeded rows, on one whole trace', async () => {
    const { status, text, traceId } = await ask('which products are below their reorder level?');
    expect([status, text]).toEqual([200, expect.stringContaining('SWE-HON-500')]);
    // Neither a product that has exactly as much as its level says, nor one that has more.
    expect(text).not.toMatch(/CHO-HOT-400|TEA-EAR-100/);
    const trace = await stack.waitForTrace(traceId);
    expect(trace.services.toSorted()).toEqual(['rubot-agent-tables', 'rubot-gateway', 'rubot-middleware', 'rubot-orchestrator']);
  });

  it('restarts a service at its place', { timeout: 60_000 }, async () => {
    await stack.restartService('agent-tables');
    await stack.killService('orchestrator');
    expect((await ask('hello')).status).toBe(503);
    await stack.startService('orchestrator');
    await stack.restartService('workers');
    expect((await ask('how many orders are open?')).status).toBe(200);
    expect(crashes).toEqual([]);
  });

  it('keeps its data and its log from one run to the next, and seeds nothing twice', { timeout: 60_000 }, async () => {
    const { traceId } = await ask('hello');
    await stack.waitForTrace(traceId);
    await stack.stop();
    expect(await readFile(join(directory, 'logs', 'rubot.ndjson'), 'utf8')).toContain(traceId);
    stack = await boot();
    const { text } = await ask('which products are below their reorder level?');
    expect(text.match(/SWE-HON-500/g)).toHaveLength(1);
  });

  it('says which service did not start, and why, and leaves none behind', async () => {
    const broken = startStack({ agents: ['tables'], variables: { 'agent-tables': { PORT: 'nonsense' } } });
    await expect(broken).rejects.toThrow(/^agent-tables did not start\. rubot-agent-tables cannot start[\s\S]*PORT/);
  });

  it('runs with a stand-in for the orchestrator', async () => {
    const other = await startStack({ orchestratorUrl: 'http://127.0.0.1:9', seed: false });
    expect([other.urls.agents, await (await fetch(other.urls.gateway)).text()]).toEqual([{}, 'ok']);
    await other.stop();
  });
});
