import { RubotError } from '@rubot/errors';

/** The same failure for a request that must not be repeated as it stands, because some of its work has been done. */
export function toFinalError(error: RubotError): RubotError {
  if (!error.retryable) return error;
  return new RubotError(error.code, error.message, {
    retryable: false,
    cause: error.cause ?? error,
    saidByPeer: error.saidByPeer,
    ...(error.param === undefined ? {} : { param: error.param }),
    ...(error.operatorDetail === undefined ? {} : { operatorDetail: error.operatorDetail }),
  });
}
