import type { StepEvent } from '@rubot/contracts/agent';
import { NO_USAGE } from '@rubot/contracts/chat-response';
import { expect, it } from 'vitest';
import type { PlannedSlice } from '../planning/plan.ts';
import { createEventRecorder } from '../runs/event-recorder.ts';
import type { RunStep, RunWriter } from '../runs/run-store.ts';
import { createSliceJournal } from './slice-journal.ts';

const slice: PlannedSlice = {
  id: 's1',
  agent: { id: 'tables', replicas: [], isDead: () => false, call: () => Promise.reject(new Error('is not called')) },
  agentName: 'Tables',
  task: '',
  dependsOn: [],
};

function said(index: number): StepEvent {
  return { index, messages: [{ role: 'assistant', content: 'x' }], usage: NO_USAGE, finish_reason: 'stop' };
}

it('numbers a step behind the last of its slice, also where an agent has once left numbers out', async () => {
  const written: RunStep[] = [];
  const ignore = async () => {};
  const writer: RunWriter = {
    runId: 'run_1',
    attempt: 2,
    write: async ({ step }) => {
      if (step !== undefined) written.push(step);
    },
    finish: ignore,
    park: ignore,
    retryLater: ignore,
    moveTo: ignore,
    occupy: async () => [],
  };
  const steps = [0, 2].map((index) => ({ sliceId: 's1', agentId: 'tables', step: said(index) }));
  const other = { sliceId: 's2', agentId: 'tables', step: said(9) };
  const recorder = createEventRecorder({ writer, onFailure: () => {} });
  const journal = createSliceJournal({ steps: [...steps, other], decisions: {}, recorder }, slice);
  expect(journal.messages).toHaveLength(2);
  await journal.add(said(0));
  await journal.add(said(0));
  expect(written.map(({ step }) => step.index)).toEqual([3, 4]);
  expect(journal.messages).toHaveLength(4);
});
