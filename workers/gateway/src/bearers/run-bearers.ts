import { type GrantSubject, mintGrant, verifyGrant } from '@rubot/bearer/grant';
import type { BearerKeys } from '@rubot/bearer/keys';
import { mintBearer } from '@rubot/bearer/mint';
import { BEARER_SCOPES, type GrantClaims, type RenewBearerResponse } from '@rubot/contracts/bearer';

/** What lets the services behind the gateway work on a run: for minutes by themselves, and then for as long as the gateway agrees. */
export interface RunCredentials {
  readonly runId: string;
  readonly dataBearer: string;
  /** Opens no data: for it, and while the sender stays bound to the tenant, the gateway mints the next data bearer. */
  readonly bearerGrant: string;
}

export interface RunBearers {
  issue(subject: GrantSubject): Promise<RunCredentials>;
  /** @throws RubotError `forbidden` for a grant that is not ours, or has expired */
  verifyGrant(grant: string): Promise<GrantClaims>;
  /** To be called once it is known that what the grant says still holds. */
  renew(claims: GrantClaims): Promise<RenewBearerResponse>;
}

export interface RunBearersOptions {
  readonly keys: BearerKeys;
  readonly ttlSeconds: number;
}

export function createRunBearers({ keys, ttlSeconds }: RunBearersOptions): RunBearers {
  function mint(subject: GrantSubject): Promise<string> {
    return mintBearer({ keys, subject: { ...subject, scope: BEARER_SCOPES }, ttlSeconds, nowMs: Date.now() });
  }

  return {
    async issue(subject) {
      const [dataBearer, bearerGrant] = await Promise.all([mint(subject), mintGrant({ keys, subject, nowMs: Date.now() })]);
      return { runId: subject.runId, dataBearer, bearerGrant };
    },
    verifyGrant: (grant) => verifyGrant({ keys, grant, nowMs: Date.now() }),
    async renew({ tenant, session, sender, run, token }) {
      const bearer = await mint({ tenantId: tenant, sessionId: session, senderId: sender, runId: run, tokenId: token });
      return { bearer, expires_in_seconds: ttlSeconds };
    },
  };
}
