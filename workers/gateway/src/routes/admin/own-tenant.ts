import { RubotError } from '@rubot/errors';
import type { Context } from 'hono';
import { refuseOnRecord } from '../../access/refuse-on-record.ts';
import type { GatewayEnv } from '../../context.ts';
import type { GatewayDeps } from '../../deps.ts';
import { denyOtherTenant } from '../../middleware/access-rules.ts';

/**
 * The tenant that a request whose path names none is about: a token's own, whatever it says; for the operator, the one it names, if any.
 *
 * @throws RubotError `forbidden` for a token that names another
 */
export async function readTenant(c: Context<GatewayEnv>, deps: GatewayDeps, named: unknown): Promise<unknown> {
  const authority = c.get('authority');
  if (authority.kind !== 'token') return named;
  const denial = named === undefined ? undefined : denyOtherTenant(authority, String(named));
  if (denial === undefined) return authority.tenantId;
  const error = new RubotError('forbidden', denial.message, { param: 'tenant_id' });
  return refuseOnRecord(c, deps, { action: 'access.refused', error, details: { reason: denial.reason } });
}
