import { ACTION_AUDIENCE, ActionClaims, BEARER_MAX_TTL_SECONDS, BEARER_MIN_TTL_SECONDS } from '@rubot/contracts/bearer';
import type { ClientScope } from '@rubot/contracts/scopes';
import type { BearerKeys } from './keys.ts';
import { signToken, type TokenKind, verifyToken } from './signed-token.ts';

const ACTION_BEARER: TokenKind<typeof ActionClaims> = {
  type: 'rubot-action+jwt',
  audience: ACTION_AUDIENCE,
  claims: ActionClaims,
  minLifeSeconds: BEARER_MIN_TTL_SECONDS,
  maxLifeSeconds: BEARER_MAX_TTL_SECONDS,
  refusal: {
    code: 'invalid_api_key',
    message: 'The bearer of this action is not valid here, or has expired. Redeem its handle again.',
  },
};

export interface ActionSubject {
  readonly tenantId: string;
  readonly tokenId: string;
  readonly actionId: string;
  readonly scopes: readonly ClientScope[];
}

export interface MintActionBearerOptions {
  readonly keys: BearerKeys;
  readonly subject: ActionSubject;
  /** Clamped to 60–900 s. */
  readonly ttlSeconds: number;
  readonly nowMs: number;
}

/** A compact JWS that stands for an API token at the gateway, for one action, with some of its scopes, for minutes. */
export function mintActionBearer({ keys, subject, ttlSeconds, nowMs }: MintActionBearerOptions): Promise<string> {
  const claims = {
    tenant: subject.tenantId,
    token: subject.tokenId,
    action: subject.actionId,
    scope: subject.scopes.join(' '),
    jti: crypto.randomUUID(),
  };
  return signToken(ACTION_BEARER, { keys, claims, lifeSeconds: ttlSeconds, nowMs });
}

export interface VerifyActionBearerOptions {
  readonly keys: BearerKeys;
  readonly bearer: string;
  readonly nowMs: number;
}

/**
 * The claims of an action bearer that this deployment signed and that is alive. Whether its token is, and still has the scopes, they do not say.
 *
 * @throws RubotError `invalid_api_key`; the reason is in `operatorDetail`
 */
export function verifyActionBearer({ keys, bearer, nowMs }: VerifyActionBearerOptions): Promise<ActionClaims> {
  return verifyToken(ACTION_BEARER, { keys, token: bearer, nowMs });
}
