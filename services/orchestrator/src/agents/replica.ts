import type { Logger } from '@rubot/logging';
import type { ORCHESTRATOR_EVENTS } from '../events.ts';
import { createReplicaBreaker } from './breaker.ts';
import { judgeAnswer, judgeCall } from './verdict.ts';

/** An answer that has begun. Whoever reads it says once how it ended: with what was thrown, or whole. */
export interface Begun<Answer> {
  readonly answer: Answer;
  end(thrown?: unknown): void;
}

/** One process of an agent, and what is known of its health. */
export interface Replica {
  readonly origin: string;
  /** True from the first health check that it passed until it has failed three. */
  isUp(): boolean;
  /** False while health checks or the breaker keep calls away from it. */
  isCallable(): boolean;
  call<Answer>(attempt: (origin: string) => Promise<Answer>): Promise<Begun<Answer>>;
  recordCheck(passed: boolean): void;
}

export interface CreateReplicaOptions {
  readonly agentId: string;
  readonly origin: string;
  readonly breaker: { readonly failures: number; readonly pauseMs: number };
  readonly logger: Logger<typeof ORCHESTRATOR_EVENTS>;
}

const FAILED_CHECKS_TO_EJECT = 3;

export function createReplica({ agentId, origin, logger, ...options }: CreateReplicaOptions): Replica {
  const extra = { agent_id: agentId, replica: origin };
  const breaker = createReplicaBreaker({
    ...options.breaker,
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
    async call(attempt) {
      const { isProbe, settle } = breaker.begin();
      try {
        const answer = await attempt(origin);
        // A probe has shown what it was sent for when its answer begins; others must not wait until all of it is told.
        if (isProbe) settle('works');
        return { answer, end: (thrown) => !isProbe && settle(judgeAnswer(thrown)) };
      } catch (thrown) {
        settle(judgeCall(thrown));
        throw thrown;
      }
    },
    recordCheck(passed) {
      const wasOut = failedChecks >= FAILED_CHECKS_TO_EJECT;
      failedChecks = passed ? 0 : failedChecks + 1;
      hasPassed ||= passed;
      if (passed && wasOut) logger.log('agent.restored', { extra });
      if (failedChecks === FAILED_CHECKS_TO_EJECT) logger.log('agent.ejected', { extra });
    },
  };
}
