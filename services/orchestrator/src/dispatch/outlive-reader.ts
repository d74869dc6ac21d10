import type { Answer } from './answer.ts';

/** The same answer for a reader whose leaving does not end it: from then on it is read to its end here. */
export function outliveReader(answer: Answer, readerSignal: AbortSignal): Answer {
  let isDraining = false;

  async function drain(): Promise<void> {
    if (isDraining) return;
    isDraining = true;
    try {
      while ((await answer.next()).done !== true);
    } catch {
      // The run has its outcome, and whoever asks for it is told.
    }
  }

  if (readerSignal.aborted) void drain();
  else readerSignal.addEventListener('abort', () => void drain(), { once: true });

  return {
    next: () => answer.next(),
    async return(end) {
      void drain();
      return { done: true, value: await (end as Awaited<typeof end>) } as Awaited<ReturnType<NonNullable<Answer['return']>>>;
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
