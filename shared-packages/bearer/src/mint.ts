import { BEARER_MAX_TTL_SECONDS, BEARER_MIN_TTL_SECONDS, type BearerScope, MIDDLEWARE_AUDIENCE } from '@rubot/contracts/bearer';
import { SignJWT } from 'jose';
import { BEARER_ALGORITHM, BEARER_TYPE, type BearerKeys } from './keys.ts';

export interface BearerSubject {
  readonly tenantId: string;
  readonly sessionId: string;
  readonly senderId: string;
  readonly runId: string;
  readonly scope: readonly BearerScope[];
}

export interface MintBearerOptions {
  readonly keys: BearerKeys;
  readonly subject: BearerSubject;
  /** Clamped to 60–900 s. */
  readonly ttlSeconds: number;
  readonly nowMs: number;
}

/** A compact JWS that lets its holder reach one tenant's data, in one run, for minutes. */
export function mintBearer({ keys, subject, ttlSeconds, nowMs }: MintBearerOptions): Promise<string> {
  const issuedAtSeconds = Math.floor(nowMs / 1_000);
  const lifeSeconds = Math.min(BEARER_MAX_TTL_SECONDS, Math.max(BEARER_MIN_TTL_SECONDS, Math.floor(ttlSeconds)));
  return new SignJWT({
    tenant: subject.tenantId,
    session: subject.sessionId,
    sender: subject.senderId,
    run: subject.runId,
    scope: subject.scope.join(' '),
  })
    .setProtectedHeader({ alg: BEARER_ALGORITHM, typ: BEARER_TYPE, kid: keys.current.keyId })
    .setAudience(MIDDLEWARE_AUDIENCE)
    .setJti(crypto.randomUUID())
    .setIssuedAt(issuedAtSeconds)
    .setExpirationTime(issuedAtSeconds + lifeSeconds)
    .sign(keys.current.key);
}
