import { GRANT_AUDIENCE, GRANT_TTL_SECONDS, GrantClaims } from '@rubot/contracts/bearer';
import type { BearerKeys } from './keys.ts';
import type { BearerSubject } from './mint.ts';
import { signToken, type TokenKind, verifyToken } from './signed-token.ts';

/** A bad grant is `forbidden` and not `invalid_api_key`: the caller's key was right, it is the run that may not go on. */
const GRANT: TokenKind<typeof GrantClaims> = {
  type: 'rubot-grant+jwt',
  audience: GRANT_AUDIENCE,
  claims: GrantClaims,
  minLifeSeconds: 1,
  maxLifeSeconds: GRANT_TTL_SECONDS,
  refusal: {
    code: 'forbidden',
    message: 'The grant of this run is not valid here, or has expired. The sender has to ask again.',
  },
};

export type GrantSubject = Omit<BearerSubject, 'scope'>;

export interface MintGrantOptions {
  readonly keys: BearerKeys;
  readonly subject: GrantSubject;
  readonly nowMs: number;
}

/** A compact JWS for which the gateway mints fresh data bearers of one run, for 30 days. By itself it opens no data. */
export function mintGrant({ keys, subject, nowMs }: MintGrantOptions): Promise<string> {
  const claims = {
    tenant: subject.tenantId,
    session: subject.sessionId,
    sender: subject.senderId,
    run: subject.runId,
    token: subject.tokenId,
  };
  return signToken(GRANT, { keys, claims, lifeSeconds: GRANT_TTL_SECONDS, nowMs });
}

export interface VerifyGrantOptions {
  readonly keys: BearerKeys;
  readonly grant: string;
  readonly nowMs: number;
}

/**
 * The claims of a grant that this deployment signed and that is alive. Whether its sender is still bound to its tenant it does not say.
 *
 * @throws RubotError `forbidden`; the reason is in `operatorDetail`
 */
export function verifyGrant({ keys, grant, nowMs }: VerifyGrantOptions): Promise<GrantClaims> {
  return verifyToken(GRANT, { keys, token: grant, nowMs });
}
