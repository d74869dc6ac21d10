import type { VerifyBearerResponse } from '@rubot/contracts/bearer';
import type { MiddlewareDeps } from '../../deps.ts';
import { refuseBearer } from '../../refusal.ts';

/**
 * What a bearer opens right now: signed, alive, and its sender still bound to its tenant.
 *
 * @throws RubotError `invalid_api_key`, `forbidden`
 */
export async function verifyHeldBearer({ store, verifyBearer }: MiddlewareDeps, bearer: string): Promise<VerifyBearerResponse> {
  const claims = await verifyBearer(bearer);
  const binding = await store.identityBindings.find(claims.sender);
  if (binding?.tenantId !== claims.tenant) throw refuseBearer('sender_unbound');
  return {
    tenant_id: claims.tenant,
    session_id: claims.session,
    sender_id: claims.sender,
    run_id: claims.run,
    scope: claims.scope,
    expires_at: new Date(claims.exp * 1_000).toISOString(),
  };
}
