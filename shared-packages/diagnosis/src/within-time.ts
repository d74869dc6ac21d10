import { RubotError } from '@rubot/errors';
import { createDeadline, type Deadline } from '@rubot/http/deadline';

/** Does a part of the work within its own time, so that one that hangs leaves the others theirs. @throws RubotError `unavailable` when it is up */
export async function withinTime<Context extends { readonly deadline: Deadline }, Result>(
  context: Context,
  timeoutMs: number,
  work: (context: Context) => Promise<Result>,
): Promise<Result> {
  const { deadline } = context;
  const limited = createDeadline({ timeoutMs: Math.min(timeoutMs, deadline.remainingMs()), callerSignal: deadline.signal });
  try {
    return await work({ ...context, deadline: limited });
  } catch (thrown) {
    if (!limited.signal.aborted) throw thrown;
    throw new RubotError('unavailable', `There was no answer within ${timeoutMs / 1_000} s.`, { cause: thrown });
  } finally {
    limited.clear();
  }
}
