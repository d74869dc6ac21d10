import { ProtocolError, ProtocolErrorCode, SdkError, SdkErrorCode, SdkHttpError } from '@modelcontextprotocol/client';
import { RubotError } from '@rubot/errors';
import type { Upstream } from '../connected/upstream.ts';
import type { SentEffect } from '../provider.ts';

const MAX_REASON_CHARACTERS = 2_000;

/** What a failure of the client library says of the effect; whatever text of the server it quotes is not passed on, or scrubbed. */
export function readFailure({ providerId, scrub }: Upstream, thrown: unknown): Exclude<SentEffect, { outcome: 'done' }> {
  const own = findRubotError(thrown);
  if (own !== undefined) return { outcome: 'unknown', error: own };
  if (thrown instanceof ProtocolError) {
    const isRefused =
      thrown.code === ProtocolErrorCode.InvalidParams ||
      thrown.code === ProtocolErrorCode.MethodNotFound ||
      thrown.code === ProtocolErrorCode.InvalidRequest;
    if (isRefused)
      return {
        outcome: 'refused',
        error: new RubotError('invalid_request', `${providerId} refuses this: ${scrub(thrown.message).slice(0, MAX_REASON_CHARACTERS)}`),
      };
    return { outcome: 'unknown', error: new RubotError('upstream_failed', `${providerId} failed, with error ${thrown.code}.`) };
  }
  if (thrown instanceof SdkHttpError) return readStatus(providerId, thrown.status);
  if (thrown instanceof SdkError && thrown.code === SdkErrorCode.RequestTimeout) {
    return { outcome: 'unknown', error: new RubotError('deadline_exceeded', `${providerId} did not answer in time.`) };
  }
  return {
    outcome: 'unknown',
    error: new RubotError('upstream_failed', `${providerId} does not answer as an MCP server of a version that is spoken here.`, {
      operatorDetail: thrown instanceof Error ? thrown.name : 'not an error',
    }),
  };
}

function readStatus(providerId: string, status: number): Exclude<SentEffect, { outcome: 'done' }> {
  if (status === 401 || status === 403) {
    const message = `${providerId} does not accept the credential of its connection (${status}). Whoever administers it must store a right one.`;
    return { outcome: 'refused', error: new RubotError('upstream_failed', message) };
  }
  if (status === 429) {
    return {
      outcome: 'refused',
      error: new RubotError('rate_limited', `${providerId} is asked too often. Try again later.`, { retryable: false }),
    };
  }
  const error = new RubotError('upstream_failed', `${providerId} failed, with status ${status}.`);
  return { outcome: status >= 400 && status < 500 ? 'refused' : 'unknown', error };
}

/** The library wraps what our own fetch throws. */
function findRubotError(thrown: unknown): RubotError | undefined {
  if (RubotError.is(thrown)) return thrown;
  return thrown instanceof Error && thrown.cause !== undefined ? findRubotError(thrown.cause) : undefined;
}
