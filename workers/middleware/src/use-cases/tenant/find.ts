import type { ListTenantsQuery, Tenant, TenantList } from '@rubot/contracts/tenants';
import { RubotError } from '@rubot/errors';
import type { z } from 'zod';
import type { TenantStore } from '../../store/tenants.ts';

/** One page, and where the next begins. */
export async function listTenants(tenants: TenantStore, { cursor, limit }: z.infer<typeof ListTenantsQuery>): Promise<TenantList> {
  // One more than asked for tells whether there is a next page.
  const found = await tenants.list({ limit: limit + 1, after: cursor });
  const data = found.slice(0, limit);
  const last = data.at(-1);
  return { object: 'list', data, ...(found.length > limit && last !== undefined ? { next_cursor: last.tenant_id } : {}) };
}

/** @throws RubotError `not_found` */
export async function findTenant(tenants: TenantStore, tenantId: string): Promise<Tenant> {
  const found = await tenants.find(tenantId);
  if (found === undefined) throw noSuchTenant(tenantId);
  return found.tenant;
}

export function noSuchTenant(tenantId: string): RubotError {
  return new RubotError('not_found', `There is no tenant ${tenantId}. Create it first, with POST /admin/tenants at the gateway.`, {
    param: 'tenant',
  });
}
