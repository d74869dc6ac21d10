import type { BearerClaims, VerifyBearerResponse } from '@rubot/contracts/bearer';
import type { MiddlewareDeps } from '../../deps.ts';
import type { Auditing } from '../../store/audit/auditing.ts';
import type { DataCaller } from '../../store/tenant-data.ts';

/**
 * What a bearer opens right now: signed, alive, its sender still bound to its tenant, and the token in whose name it was made still good.
 *
 * @throws RubotError `invalid_api_key`, `forbidden`
 */
export async function verifyHeldBearer(
  { store, verifyBearer }: MiddlewareDeps,
  auditing: Auditing,
  bearer: string,
): Promise<VerifyBearerResponse> {
  const claims = await verifyBearer(bearer);
  await store.openTenantData(toDataCaller(claims), auditing).assertBound();
  return {
    tenant_id: claims.tenant,
    session_id: claims.session,
    sender_id: claims.sender,
    run_id: claims.run,
    scope: claims.scope,
    expires_at: new Date(claims.exp * 1_000).toISOString(),
  };
}

export function toDataCaller({ tenant, sender, run, token }: BearerClaims): DataCaller {
  return { tenantId: tenant, senderId: sender, runId: run, tokenId: token };
}
