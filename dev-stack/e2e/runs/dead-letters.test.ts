import { DeadLetterList, RedriveReport } from '@rubot/contracts/dead-letters';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ModelStack, startModelStack } from '../_stack.ts';
import { beginRun, readRun, readRunEvents, textOf } from './_runs.ts';

let stack: ModelStack;
beforeAll(async () => {
  stack = await startModelStack({ agents: ['conversational'], variables: { orchestrator: { RUN_MAX_RETRIES: '1' } } });
});
afterAll(() => stack.stop());

const QUESTION = { messages: [{ role: 'user', content: 'Are you there?' }] };
const OVERLOADED = { status: 503, body: '{"error":{"message":"overloaded"}}' };

async function callAdmin(path: string, body?: unknown, key = stack.keys.ADMIN_API_KEY): Promise<Response> {
  return fetch(`${stack.urls.gateway}/admin/dead-letters${path}`, {
    ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
  });
}

async function listDeadLetters(): Promise<DeadLetterList['data']> {
  return DeadLetterList.parse(await (await callAdmin('')).json()).data;
}

async function redrive(runId: string): Promise<RedriveReport['data'][number] | undefined> {
  return RedriveReport.parse(await (await callAdmin('/redrive', { run_ids: [runId] })).json()).data[0];
}

describe('a run whose model fails for as long as it is tried', () => {
  it('is given up, told to operators, and answered when they have it tried again', async () => {
    stack.model.script(OVERLOADED, OVERLOADED);
    const asked = stack.model.requests.length;
    const { runId } = await beginRun(stack, QUESTION);
    const given = await readRunEvents(stack, runId);
    expect(given.map(({ type }) => type)).toEqual(['start', 'retry', 'restart', 'end']);
    expect(given.at(-1)).toMatchObject({ data: { status: 'failed', error: { code: expect.any(String) } } });
    expect(stack.model.requests).toHaveLength(asked + 2);
    expect(await listDeadLetters()).toMatchObject([{ run_id: runId, tenant_id: stack.demo.tenant_id, sender_id: stack.demo.sender_id }]);

    stack.model.script({ text: 'I am now.' });
    expect(await redrive(runId)).toEqual({ run_id: runId, redriven: true });
    const again = await readRunEvents(stack, runId, { lastEventId: given.at(-1)!.seq });
    expect(textOf(again)).toBe('I am now.');
    expect(again[0]?.seq).toBe(given.length + 1);
    expect(await readRun(stack, runId)).toMatchObject({ status: 'completed', error: null });
    expect(await listDeadLetters()).toEqual([]);
    expect(await redrive(runId)).toMatchObject({ redriven: false, error: { code: 'conflict' } });
  });

  it('is nothing that a client may look up or try again for others', async () => {
    for (const path of ['', '/redrive']) {
      const body = path === '' ? undefined : { run_ids: [`run_${'0'.repeat(32)}`] };
      expect((await callAdmin(path, body, stack.keys.GATEWAY_API_KEY)).status).toBe(401);
    }
    expect(await redrive(`run_${'0'.repeat(32)}`)).toMatchObject({ redriven: false, error: { code: 'not_found' } });
  });
});
