import type { BearerClaims } from '@rubot/contracts/bearer';
import { RubotError } from '@rubot/errors';
import { readBearerToken } from '@rubot/http/hop-key';
import type { MiddlewareHandler } from 'hono';
import type { MiddlewareEnv } from '../context.ts';
import type { MiddlewareDeps } from '../deps.ts';
import { refuseBearer } from '../refusal.ts';
import { toDataCaller } from '../use-cases/bearer/verify.ts';
import { toAuditContext } from './audit-context.ts';

/**
 * Lets only the holder of a data bearer pass, and only to the bearer's own tenant. Whether the sender still belongs
 * to that tenant, and the token in whose name it asks still lives, the database is asked with each read and write, at no
 * cost of its own: see `TenantData`.
 */
export function authenticateBearer({ store, startAuditing, verifyBearer }: MiddlewareDeps): MiddlewareHandler<MiddlewareEnv> {
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
    c.set('claims', claims);
    const auditing = startAuditing(toAuditContext(toActor(claims), c.get('span')));
    c.set('auditing', auditing);
    if (c.req.param('tenant') !== claims.tenant) throw refuseBearer('tenant_mismatch');
    c.set('data', store.openTenantData(toDataCaller(claims), auditing));
    await next();
  };
}

/** A client with a token of its own answers for what it does, under whatever sender's name. */
function toActor({ token, sender }: BearerClaims): string {
  return token === undefined ? `sender:${sender}` : `token:${token}`;
}
