import { type Answer, type AnswerEnd, type AnswerPart, saysSomething } from '../dispatch/answer.ts';

/** The same answer; `onFirstWords` is called with the first of its parts that says something. */
export function noticeFirstWords(answer: Answer, onFirstWords: () => void): Answer {
  let hasSpoken = false;

  async function readOpening(): Promise<IteratorResult<AnswerPart, AnswerEnd>> {
    const next = await answer.next();
    if (!hasSpoken && next.done !== true && saysSomething(next.value)) {
      hasSpoken = true;
      onFirstWords();
    }
    return next;
  }

  return {
    next: () => (hasSpoken ? answer.next() : readOpening()),
    return: async (end) => (await answer.return?.(end)) ?? { done: true, value: await (end as AnswerEnd) },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
