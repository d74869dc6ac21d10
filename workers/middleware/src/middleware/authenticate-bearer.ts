import { RubotError } from '@rubot/errors';
import { readBearerToken } from '@rubot/http/hop-key';
import type { MiddlewareHandler } from 'hono';
import type { MiddlewareEnv } from '../context.ts';
import type { MiddlewareDeps } from '../deps.ts';
import { refuseBearer } from '../refusal.ts';

/**
 * Lets only the holder of a data bearer pass, and only to the bearer's own tenant. Whether the sender still belongs
 * to that tenant is asked of the database with each read and write, at no cost of its own: see `TenantData`.
 */
export function authenticateBearer({ store, verifyBearer }: MiddlewareDeps): MiddlewareHandler<MiddlewareEnv> {
  return async function checkDataBearer(c, next) {
    const bearer = readBearerToken(c.req.raw.headers);
    if (bearer === undefined) {
      throw new RubotError('invalid_api_key', 'No data bearer was sent. Send Authorization: Bearer with the data bearer of this run.', {
        operatorDetail: 'none sent',
      });
    }
    const claims = await verifyBearer(bearer);
    c.set('runId', claims.run);
    c.get('span').annotate({
      tenant_id: claims.tenant,
      chat_source_session_id: claims.session,
      sender_id: claims.sender,
      run_id: claims.run,
    });
    if (c.req.param('tenant') !== claims.tenant) throw refuseBearer('tenant_mismatch');
    c.set('claims', claims);
    c.set('data', store.openTenantData({ tenantId: claims.tenant, senderId: claims.sender }));
    await next();
  };
}
