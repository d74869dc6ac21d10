import type { RunEvent, RunResource } from '@rubot/contracts/runs';
import type { RunOwner, RunStore } from './run-store.ts';

export interface FollowOptions {
  readonly runs: Pick<RunStore, 'find' | 'readEvents' | 'waitForWrite'>;
  readonly run: RunResource;
  readonly owner: RunOwner;
  readonly afterSeq: number;
  readonly pageSize: number;
  /** How long to wait before looking again where nothing was heard. */
  readonly pollMs: number;
  readonly signal: AbortSignal;
}

/** What comes next in a run. Events that are not kept any more are told as a gap in front of those that are. */
export interface EventPage {
  readonly gap: { readonly fromSeq: number; readonly toSeq: number } | undefined;
  readonly events: readonly RunEvent[];
  /** As it was just before the page was read. */
  readonly run: RunResource;
}

/**
 * The events of a run, page by page, from a number on; while it runs and after it. Ends when there are no more and can be
 * none, with the run as it is then, or when the signal aborts. It reads no page before the last one was taken.
 */
export async function* followEvents(options: FollowOptions): AsyncGenerator<EventPage, RunResource, undefined> {
  const { runs, owner, pageSize, pollMs, signal } = options;
  let { run, afterSeq } = options;
  let isFull = false;
  for (;;) {
    const found = new AbortController();
    // Begun before the look, so that what is written meanwhile is not slept through.
    const written = runs.waitForWrite(run.id, pollMs, AbortSignal.any([signal, found.signal]));
    // In this order: the state tells how far the events of an ended run go. Behind a full page there is more in any case.
    if (!isFull) run = (await runs.find(run.id, owner)) ?? run;
    const events = await runs.readEvents(run.id, afterSeq, pageSize);
    isFull = events.length === pageSize;
    const gap = findGap(afterSeq, events, run);
    afterSeq = events.at(-1)?.seq ?? gap?.toSeq ?? afterSeq;
    const isOver = signal.aborted || (!isFull && hasEnded(run) && afterSeq >= run.last_seq);
    if (events.length > 0 || isOver) found.abort();
    if (events.length > 0 || gap !== undefined) yield { gap, events, run };
    if (isOver) return run;
    await written;
  }
}

/** Numbers have no gaps, so one that is missing was pruned: of a run that has ended, as no other is. */
function findGap(afterSeq: number, events: readonly RunEvent[], run: RunResource): EventPage['gap'] {
  const [first] = events;
  const toSeq = first === undefined ? (hasEnded(run) ? run.last_seq : afterSeq) : first.seq - 1;
  return toSeq > afterSeq ? { fromSeq: afterSeq + 1, toSeq } : undefined;
}

export function hasEnded({ finished_at: finishedAt }: RunResource): boolean {
  return finishedAt !== null;
}
