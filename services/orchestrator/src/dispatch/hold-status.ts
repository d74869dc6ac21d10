import { type Answer, type AnswerEnd, type AnswerPart, saysSomething } from './answer.ts';

/**
 * Waits for the first words of an answer, or its end, so that a failure before them still has an HTTP status of its own;
 * but no longer than `holdMs`, as proxies and clients give up on silence. The answer that comes back is the whole one.
 *
 * @throws whatever ended the answer within that time
 */
export async function holdStatus(answer: Answer, holdMs: number): Promise<Answer> {
  const parts: AnswerPart[] = [];
  const opening = readOpening(answer, parts);
  const { promise: timeIsUp, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, holdMs);
  try {
    await Promise.race([opening, timeIsUp]);
  } finally {
    clearTimeout(timer);
  }
  return resume(answer, parts, opening);
}

/** The end, when the answer ended before it said anything. */
type Opening = Promise<IteratorReturnResult<AnswerEnd> | undefined>;

async function readOpening(answer: Answer, parts: AnswerPart[]): Opening {
  for (;;) {
    const next = await answer.next();
    if (next.done === true) return next;
    parts.push(next.value);
    if (saysSomething(next.value)) return undefined;
  }
}

async function* resume(answer: Answer, parts: readonly AnswerPart[], opening: Opening): Answer {
  try {
    const end = await opening;
    yield* parts;
    return end === undefined ? yield* answer : end.value;
  } finally {
    await answer.return?.();
  }
}
