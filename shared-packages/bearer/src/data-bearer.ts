import { BEARER_MAX_TTL_SECONDS, BEARER_MIN_TTL_SECONDS, BearerClaims, MIDDLEWARE_AUDIENCE } from '@rubot/contracts/bearer';
import type { TokenKind } from './signed-token.ts';

export const DATA_BEARER: TokenKind<typeof BearerClaims> = {
  type: 'rubot-data+jwt',
  audience: MIDDLEWARE_AUDIENCE,
  claims: BearerClaims,
  minLifeSeconds: BEARER_MIN_TTL_SECONDS,
  maxLifeSeconds: BEARER_MAX_TTL_SECONDS,
  refusal: {
    code: 'invalid_api_key',
    message: 'The data bearer is not valid here, or has expired. Ask the gateway for a new one.',
  },
};
