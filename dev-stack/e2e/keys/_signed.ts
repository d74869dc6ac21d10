import { mintActionBearer } from '@rubot/bearer/action-bearer';
import { mintGrant } from '@rubot/bearer/grant';
import { importBearerKeys } from '@rubot/bearer/keys';
import { mintBearer } from '@rubot/bearer/mint';
import { newRunId } from '@rubot/http/run-id';
import { DEMO } from '../../src/seed/demo.ts';

/** One of each kind, as whoever holds the secret can make them. */
export interface SignedTokens {
  readonly data: string;
  readonly grant: string;
  readonly action: string;
}

export async function signTokens(secret: string, tokenId: string): Promise<SignedTokens> {
  const keys = await importBearerKeys({ current: secret, previous: undefined });
  const subject = { tenantId: DEMO.tenant_id, sessionId: DEMO.session_id, senderId: DEMO.sender_id, runId: newRunId() };
  const ofAction = { tenantId: DEMO.tenant_id, tokenId, actionId: 'rotation', scopes: ['chat:write'] } as const;
  const nowMs = Date.now();
  return {
    data: await mintBearer({ keys, subject: { ...subject, scope: ['tools:read'] }, ttlSeconds: 900, nowMs }),
    grant: await mintGrant({ keys, subject, nowMs }),
    action: await mintActionBearer({ keys, subject: ofAction, ttlSeconds: 900, nowMs }),
  };
}
