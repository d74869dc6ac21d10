import type { BearerScope } from '@rubot/contracts/bearer';
import { DATA_BEARER } from './data-bearer.ts';
import type { BearerKeys } from './keys.ts';
import { signToken } from './signed-token.ts';

export interface BearerSubject {
  readonly tenantId: string;
  readonly sessionId: string;
  readonly senderId: string;
  readonly runId: string;
  /** The API token in whose name the run was begun; with it, what is minted dies. */
  readonly tokenId?: string | undefined;
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
  const claims = {
    tenant: subject.tenantId,
    session: subject.sessionId,
    sender: subject.senderId,
    run: subject.runId,
    token: subject.tokenId,
    scope: subject.scope.join(' '),
    jti: crypto.randomUUID(),
  };
  return signToken(DATA_BEARER, { keys, claims, lifeSeconds: ttlSeconds, nowMs });
}
