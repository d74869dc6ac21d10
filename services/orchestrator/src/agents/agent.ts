import { RubotError } from '@rubot/errors';
import type { Begun, Replica } from './replica.ts';

/** A specialist as one thing, whatever the number of its replicas. */
export interface Agent {
  readonly id: string;
  readonly replicas: readonly Replica[];
  /** True when no replica may be called now; nothing is spent on it until one may. */
  isDead(): boolean;
  /**
   * Calls a replica, each in its turn, and the next one only where the first has received nothing.
   *
   * @throws RubotError the attempt's; `unavailable` when there is no replica to call
   */
  call<Answer>(attempt: (origin: string) => Promise<Answer>): Promise<Begun<Answer>>;
}

const RETRY_AFTER_MS = 5_000;

export function createAgent(id: string, replicas: readonly Replica[]): Agent {
  let turn = 0;

  return {
    id,
    replicas,
    isDead: () => !replicas.some((replica) => replica.isCallable()),
    async call(attempt) {
      turn = (turn + 1) % replicas.length;
      let failure: unknown = new RubotError('unavailable', `The agent ${id} is down. Try again in a moment.`, {
        retryAfterMs: RETRY_AFTER_MS,
      });
      for (const replica of [...replicas.slice(turn), ...replicas.slice(0, turn)]) {
        // Asked at the moment of the call: another request may have become this replica's probe.
        if (!replica.isCallable()) continue;
        try {
          return await replica.call(attempt);
        } catch (thrown) {
          if (!hasReceivedNothing(thrown)) throw thrown;
          failure = thrown;
        }
      }
      throw failure;
    },
  };
}

/**
 * No connection was made, or what was sent may be sent twice. A replica that answers has the request, whatever it says of
 * it: a model that it finds overloaded is no less so for the next one. One that drains takes no connections.
 */
function hasReceivedNothing(thrown: unknown): boolean {
  return RubotError.is(thrown) && thrown.code === 'unavailable' && thrown.retryable && !thrown.saidByPeer;
}
