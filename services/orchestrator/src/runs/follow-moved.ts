import type { Answer } from '../dispatch/answer.ts';
import { RunMovedError } from './run-moved.ts';

/** The same answer; of a run that was put back into the queue before it said anything, what whoever takes it up says. */
export async function* followMoved(answer: Answer, elsewhere: () => Answer): Answer {
  try {
    return yield* answer;
  } catch (thrown) {
    if (!(thrown instanceof RunMovedError)) throw thrown;
    return yield* elsewhere();
  }
}
