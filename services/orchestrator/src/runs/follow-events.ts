import type { RunEvent, RunResource } from '@rubot/contracts/runs';
import type { RunOwner, RunStore } from './run-store.ts';

export interface FollowOptions {
  readonly runs: Pick<RunStore, 'find' | 'readEvents' | 'waitForWrite'>;
  readonly run: RunResource;
  readonly owner: RunOwner;
  readonly afterSeq: number;
  readonly pageSize: number;
  /** How long to wait before looking for what other processes wrote. */
  readonly pollMs: number;
  readonly signal: AbortSignal;
}

/**
 * The events of a run, page by page, from a number on; while it runs and after it. Ends when there are no more and can be
 * none, with the run as it is then, or when the signal aborts. It reads no page before the last one was taken.
 */
export async function* followEvents(options: FollowOptions): AsyncGenerator<readonly RunEvent[], RunResource, undefined> {
  const { runs, owner, pageSize, pollMs, signal } = options;
  let { run, afterSeq } = options;
  for (;;) {
    const found = new AbortController();
    // Begun before the look, so that what is written meanwhile is not slept through.
    const written = runs.waitForWrite(run.id, pollMs, AbortSignal.any([signal, found.signal]));
    // In this order: the state tells how far the events of an ended run go.
    run = (await runs.find(run.id, owner)) ?? run;
    const page = await runs.readEvents(run.id, afterSeq, pageSize);
    afterSeq = page.at(-1)?.seq ?? afterSeq;
    const isOver = signal.aborted || (run.status !== 'running' && afterSeq >= run.last_seq);
    if (page.length > 0 || isOver) found.abort();
    if (page.length > 0) yield page;
    if (isOver) return run;
    await written;
  }
}
