import { RubotError } from '@rubot/errors';

/** What the end of a call says of the replica that was called. */
export type Verdict = 'works' | 'fails' | 'unknown';

/** @param thrown what the call failed of before its answer began */
export function judgeCall(thrown: unknown): Verdict {
  const error = RubotError.from(thrown);
  if (error.code === 'cancelled') return 'unknown';
  return isReplicaFault(error) ? 'fails' : 'works';
}

/** @param thrown what an answer that had begun failed of; nothing when it came whole */
export function judgeAnswer(thrown: unknown): Verdict {
  if (thrown === undefined) return 'works';
  // Whoever asks for more than fits into the time, or reads too slowly, could else take the agent from everybody.
  return RubotError.from(thrown).code === 'deadline_exceeded' ? 'unknown' : judgeCall(thrown);
}

/**
 * A replica that refuses a request on good grounds works; so does one that says itself that a model or the middleware
 * failed it. Else whoever sends what a model refuses could take the agent from everybody.
 */
function isReplicaFault({ status, saidByPeer, code }: RubotError): boolean {
  // Keys that differ are the operator's to mend, and must not look like an agent that is down.
  return code !== 'misconfigured' && status >= 500 && (!saidByPeer || code === 'internal');
}
