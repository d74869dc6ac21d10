import type { BearerClaims } from '@rubot/contracts/bearer';
import { DATA_BEARER } from './data-bearer.ts';
import type { BearerKeys } from './keys.ts';
import { verifyToken } from './signed-token.ts';

export interface VerifyBearerOptions {
  readonly keys: BearerKeys;
  readonly bearer: string;
  readonly nowMs: number;
}

/**
 * The claims of a bearer that this deployment signed, that is alive and was meant for the middleware.
 *
 * @throws RubotError `invalid_api_key`; the reason is in `operatorDetail`
 */
export function verifyBearer({ keys, bearer, nowMs }: VerifyBearerOptions): Promise<BearerClaims> {
  return verifyToken(DATA_BEARER, { keys, token: bearer, nowMs });
}
