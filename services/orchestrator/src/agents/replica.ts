import type { Logger } from '@rubot/logging';
import type { ORCHESTRATOR_EVENTS } from '../events.ts';
import { createReplicaBreaker } from './breaker.ts';

/** One process of an agent, and what is known of its health. */
export interface Replica {
  readonly origin: string;
  /** True from the first health check that it passed until it has failed three. */
  isUp(): boolean;
  /** False while health checks or the breaker keep calls away from it. */
  isCallable(): boolean;
  call<T>(attempt: (origin: string) => Promise<T>): Promise<T>;
  recordCheck(passed: boolean): void;
}

export interface CreateReplicaOptions {
  readonly agentId: string;
  readonly origin: string;
  readonly breakerPauseMs: number;
  readonly logger: Logger<typeof ORCHESTRATOR_EVENTS>;
}

const FAILED_CHECKS_TO_EJECT = 3;

export function createReplica({ agentId, origin, breakerPauseMs, logger }: CreateReplicaOptions): Replica {
  const extra = { agent_id: agentId, replica: origin };
  const breaker = createReplicaBreaker({
    pauseMs: breakerPauseMs,
    onOpen: () => logger.log('breaker.opened', { extra }),
    onClose: () => logger.log('breaker.closed', { extra }),
  });
  let hasPassed = false;
  let failedChecks = 0;

  return {
    origin,
    isUp: () => hasPassed && failedChecks < FAILED_CHECKS_TO_EJECT,
    // A replica that has not been checked yet is tried: the call itself tells soon enough.
    isCallable: () => failedChecks < FAILED_CHECKS_TO_EJECT && breaker.isPassable(),
    call: (attempt) => breaker.execute(() => attempt(origin)),
    recordCheck(passed) {
      const wasOut = failedChecks >= FAILED_CHECKS_TO_EJECT;
      failedChecks = passed ? 0 : failedChecks + 1;
      hasPassed ||= passed;
      if (passed && wasOut) logger.log('agent.restored', { extra });
      if (failedChecks === FAILED_CHECKS_TO_EJECT) logger.log('agent.ejected', { extra });
    },
  };
}
