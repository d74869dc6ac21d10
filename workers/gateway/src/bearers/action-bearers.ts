import { type ActionSubject, mintActionBearer, verifyActionBearer } from '@rubot/bearer/action-bearer';
import type { BearerKeys } from '@rubot/bearer/keys';
import type { ActionBearerResponse } from '@rubot/contracts/api-tokens';
import type { ActionClaims } from '@rubot/contracts/bearer';

/** What stands for an API token in one action, for minutes. */
export interface ActionBearers {
  issue(subject: ActionSubject, ttlSeconds: number): Promise<ActionBearerResponse>;
  /** @throws RubotError `invalid_api_key` for a bearer that is not ours, or has expired */
  verify(bearer: string): Promise<ActionClaims>;
}

export function createActionBearers(keys: BearerKeys): ActionBearers {
  return {
    async issue(subject, ttlSeconds) {
      return { bearer: await mintActionBearer({ keys, subject, ttlSeconds, nowMs: Date.now() }), expires_in_seconds: ttlSeconds };
    },
    verify: (bearer) => verifyActionBearer({ keys, bearer, nowMs: Date.now() }),
  };
}
