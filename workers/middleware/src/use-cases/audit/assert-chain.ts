import { RubotError } from '@rubot/errors';
import type { AuditTrail } from '../../store/audit/trail.ts';

/** For a chain without entries: a name that was misspelt must not pass for one where nothing has happened. @throws RubotError `not_found` */
export async function assertChain(trail: AuditTrail, chain: string): Promise<void> {
  if (await trail.isChain(chain)) return;
  throw new RubotError('not_found', `There is no tenant ${chain}. List the tenants to see which there are.`, { param: 'tenant' });
}
