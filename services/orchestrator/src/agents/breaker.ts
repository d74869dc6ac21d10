import { type CircuitBreakerPolicy, CircuitState, ConsecutiveBreaker, circuitBreaker, handleWhenResult } from 'cockatiel';
import type { Verdict } from './verdict.ts';

export interface ReplicaBreaker {
  /** False while it keeps calls away; true again when the pause is over and one probe may pass. */
  isPassable(): boolean;
  /** Begins a call, or the probe. `settle` is told once what the call says of the replica. */
  begin(): { readonly isProbe: boolean; readonly settle: (verdict: Verdict) => void };
}

export interface ReplicaBreakerOptions {
  /** How many failures in a row open it. */
  readonly failures: number;
  readonly pauseMs: number;
  readonly onOpen: () => void;
  readonly onClose: () => void;
}

export function createReplicaBreaker({ failures, pauseMs, onOpen, onClose }: ReplicaBreakerOptions): ReplicaBreaker {
  let openedAtMs = 0;
  let policy = createPolicy({});

  function createPolicy(state: { readonly initialState?: unknown }): CircuitBreakerPolicy {
    const created = circuitBreaker(
      handleWhenResult((verdict) => verdict === 'fails'),
      { halfOpenAfter: pauseMs, breaker: new ConsecutiveBreaker(failures), ...state },
    );
    created.onBreak(() => {
      if (created !== policy) return;
      openedAtMs = Date.now();
      onOpen();
    });
    created.onReset(() => {
      if (created === policy) onClose();
    });
    return created;
  }

  return {
    // Half-open counts as closed to traffic: cockatiel would have callers wait for the probe, past their own deadlines.
    isPassable: () => policy.state === CircuitState.Closed || (policy.state === CircuitState.Open && Date.now() - openedAtMs >= pauseMs),
    begin() {
      const { promise: ended, resolve, reject } = Promise.withResolvers<Verdict>();
      const isProbe = policy.state === CircuitState.Open;
      policy.execute(() => ended).catch(ignoreUnknownEnd);
      return {
        isProbe,
        settle(verdict) {
          if (verdict !== 'unknown') return resolve(verdict);
          // cockatiel takes every probe that does not fail for a success. It keeps one that is out as "open, and the pause over".
          if (isProbe) policy = createPolicy({ initialState: policy.toJSON() });
          reject(new Error('the call ended without telling anything of the replica'));
        },
      };
    },
  };
}

// A rejection is how cockatiel is told to count the call neither way.
function ignoreUnknownEnd(): void {}
