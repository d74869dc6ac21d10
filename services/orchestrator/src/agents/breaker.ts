import { RubotError } from '@rubot/errors';
import { CircuitState, ConsecutiveBreaker, circuitBreaker, handleWhen } from 'cockatiel';

export interface ReplicaBreaker {
  /** False while it keeps calls away; true again when the pause is over and one probe may pass. */
  isPassable(): boolean;
  execute<T>(call: () => Promise<T>): Promise<T>;
}

export interface ReplicaBreakerOptions {
  readonly pauseMs: number;
  readonly onOpen: () => void;
  readonly onClose: () => void;
}

const FAILURES_TO_OPEN = 5;

export function createReplicaBreaker({ pauseMs, onOpen, onClose }: ReplicaBreakerOptions): ReplicaBreaker {
  const policy = circuitBreaker(handleWhen(isReplicaFault), {
    halfOpenAfter: pauseMs,
    breaker: new ConsecutiveBreaker(FAILURES_TO_OPEN),
  });
  let openedAtMs = 0;
  policy.onBreak(() => {
    openedAtMs = Date.now();
    onOpen();
  });
  policy.onReset(onClose);

  return {
    // Half-open counts as closed to traffic: cockatiel would have callers wait for the probe, past their own deadlines.
    isPassable: () => policy.state === CircuitState.Closed || (policy.state === CircuitState.Open && Date.now() - openedAtMs >= pauseMs),
    execute: (call) => policy.execute(call),
  };
}

/**
 * A request that the replica refused on good grounds, or that its client gave up, says nothing against the replica; nor
 * does its own word that a model or the middleware failed it. Else whoever sends what a model refuses could take the agent
 * from everybody.
 */
function isReplicaFault(thrown: unknown): boolean {
  const { status, saidByPeer, code } = RubotError.from(thrown);
  return status >= 500 && (!saidByPeer || code === 'internal');
}
