import { RenewBearerResponse } from '@rubot/contracts/bearer';
import { type ChallengeRequest, ChallengeResponse } from '@rubot/contracts/diagnosis';
import { RubotError } from '@rubot/errors';
import { createDeadline, type Deadline } from '@rubot/http/deadline';
import { callUpstreamJson, type FetchLike } from '@rubot/http/upstream';
import type { Span } from '@rubot/logging/span';

export interface CallContext {
  readonly span: Span;
  readonly deadline: Deadline;
}

export interface GatewayClient {
  /**
   * A fresh data bearer for the run of a grant.
   *
   * @throws RubotError `forbidden` when its sender may not act for its tenant any more; `unavailable`; the deadline's reason
   */
  renewBearer(grant: string, context: CallContext): Promise<RenewBearerResponse>;
  challenge(request: ChallengeRequest, context: CallContext): Promise<ChallengeResponse>;
}

export interface GatewayClientOptions {
  readonly fetch: FetchLike;
  /** Origin of the gateway. */
  readonly baseUrl: string;
  readonly apiKey: string;
}

/** A gateway that hangs must not use up the time of a run whose bearer lives for a while yet. */
const RENEW_TIMEOUT_MS = 5_000;

export function createGatewayClient({ fetch, baseUrl, apiKey }: GatewayClientOptions): GatewayClient {
  return {
    async renewBearer(grant, { span, deadline }) {
      const limited = createDeadline({
        timeoutMs: Math.min(RENEW_TIMEOUT_MS, deadline.remainingMs()),
        callerSignal: deadline.signal,
      });
      try {
        return await callUpstreamJson(
          {
            fetch,
            peer: 'rubot-gateway',
            method: 'POST',
            url: `${baseUrl}/internal/bearers`,
            headers: { authorization: `Bearer ${apiKey}` },
            body: JSON.stringify({ grant }),
            isIdempotent: true,
            span,
            deadline: limited,
          },
          RenewBearerResponse,
        );
      } catch (thrown) {
        deadline.signal.throwIfAborted();
        throw limited.signal.aborted ? tooSlow() : thrown;
      } finally {
        limited.clear();
      }
    },
    // Without our key: what stands at the other end is what we want to know.
    challenge: (request, context) =>
      callUpstreamJson(
        {
          fetch,
          peer: 'rubot-gateway',
          method: 'POST',
          url: `${baseUrl}/challenge`,
          body: JSON.stringify(request),
          isIdempotent: true,
          ...context,
        },
        ChallengeResponse,
      ),
  };
}

function tooSlow(): RubotError {
  return new RubotError('unavailable', 'The gateway gave no fresh data bearer in time. Try again in a moment.');
}
