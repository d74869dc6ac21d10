import type { RunEvent, RunResource } from '@rubot/contracts/runs';
import { describe, expect, it } from 'vitest';
import { answerFromEvents } from './answer-from-events.ts';
import type { RunStore } from './run-store.ts';

const OWNER = { tenantId: 'acme', senderId: '+15550100' };
const RUN_ID = `run_${'0a'.repeat(16)}`;
const REPORT = { run_id: RUN_ID, status: 'completed' };

type Sketch = Pick<RunEvent, 'type' | 'data'>;

const says = (content: string): Sketch => ({ type: 'chunk', data: { choices: [{ index: 0, delta: { content }, finish_reason: null }] } });
const opens: Sketch = { type: 'chunk', data: { choices: [{ index: 0, delta: { role: 'assistant', content: '' }, finish_reason: null }] } };
const restart: Sketch = { type: 'restart', data: { attempt: 2 } };
const finishes: Sketch[] = [
  { type: 'chunk', data: { choices: [{ index: 0, delta: {}, finish_reason: 'stop' }], rubot: REPORT } },
  { type: 'end', data: { status: 'completed' } },
];

/** A store in which a run writes one page after the other, each when the one before was read. */
function storeOf(pages: readonly (readonly Sketch[])[]): RunStore {
  const written: RunEvent[] = [];
  let pageCount = 0;
  const run = (): RunResource => ({
    id: RUN_ID,
    object: 'run',
    status: pageCount < pages.length ? 'running' : 'completed',
    model: 'rubot',
    attempt: 1,
    last_seq: written.length,
    created_at: 0,
    finished_at: pageCount < pages.length ? null : 1,
    usage: null,
    slices: null,
    error: null,
  });
  const store: Pick<RunStore, 'find' | 'findLastSeq' | 'readEvents' | 'waitForWrite'> = {
    find: () => Promise.resolve(run()),
    findLastSeq: () => Promise.resolve(0),
    readEvents(_runId, afterSeq) {
      for (const sketch of pages[pageCount] ?? []) written.push({ ...sketch, seq: written.length + 1 });
      pageCount += 1;
      return Promise.resolve(written.slice(afterSeq));
    },
    waitForWrite: () => Promise.resolve(),
  };
  return store as RunStore;
}

async function read(pages: readonly (readonly Sketch[])[], isWhole: boolean): Promise<string> {
  const signal = new AbortController().signal;
  const answer = answerFromEvents({ runs: storeOf(pages), runId: RUN_ID, owner: OWNER, pollMs: 1, isWhole, signal });
  let text = '';
  for (;;) {
    const { done, value } = await answer.next();
    if (done === true) return `${text}|${value.finishReason}`;
    text += value.choices[0]?.delta.content ?? '';
  }
}

describe('an answer from events', () => {
  it.each([true, false])('is what was said, page by page (whole: %s)', async (isWhole) => {
    expect(await read([[says('one ')], [says('two')], finishes], isWhole)).toBe('one two|stop');
  });

  it('is that of the last beginning where nothing was shown of the one before', async () => {
    expect(await read([[says('half')], [restart, says('the whole')], finishes], true)).toBe('the whole|stop');
  });

  it('breaks off at a new beginning where words were shown', async () => {
    await expect(read([[says('half')], [restart, says('the whole')], finishes], false)).rejects.toMatchObject({
      code: 'stream_interrupted',
    });
  });

  it.each([true, false])('goes on at a new beginning where it was opened and nothing said (whole: %s)', async (isWhole) => {
    expect(await read([[opens], [restart, opens, says('the whole')], finishes], isWhole)).toBe('the whole|stop');
  });

  it.each([true, false])('passes over words that come with the news that they are void (whole: %s)', async (isWhole) => {
    expect(await read([[says('half'), restart], [says('the whole')], finishes], isWhole)).toBe('the whole|stop');
  });
});
