import { describe, expect, it } from 'vitest';
import { createMemoryRunStore } from './memory-run-store.ts';
import type { RunOutcome } from './run-store.ts';

const run = (runId: string) => ({ runId, tenantId: 'acme', sessionId: 's', senderId: 'u', model: 'rubot' });
const outcome: RunOutcome = {
  status: 'completed',
  slices: [],
  usage: { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 },
  errorCode: undefined,
};
const step = {
  sliceId: 's1',
  agentId: 'a',
  step: { index: 0, messages: [{ role: 'assistant' as const, content: 'x' }], usage: outcome.usage },
};

describe('runs in memory', () => {
  it('have one outcome, and take nothing after it', async () => {
    const store = createMemoryRunStore();
    await store.create(run('run_1'));
    await store.appendStep('run_1', step);
    await store.finish('run_1', outcome);
    await expect(store.finish('run_1', { ...outcome, status: 'failed' })).rejects.toMatchObject({ code: 'conflict' });
    await expect(store.appendStep('run_1', step)).rejects.toMatchObject({ code: 'conflict' });
    await expect(store.create(run('run_1'))).rejects.toMatchObject({ code: 'conflict' });
    expect(store.find('run_1')).toMatchObject({ stepCount: 1, steps: [], outcome: { status: 'completed' } });
  });

  it('are forgotten oldest first once too many have ended; those that run never are', async () => {
    const store = createMemoryRunStore({ maxFinishedRuns: 2 });
    await store.create(run('running'));
    for (const id of ['a', 'b', 'c']) {
      await store.create(run(id));
      await store.finish(id, outcome);
    }
    expect(['running', 'a', 'b', 'c'].map((id) => store.find(id) !== undefined)).toEqual([true, false, true, true]);
  });
});
