import type { ListTenantsQuery, Tenant, TenantList } from '@rubot/contracts/tenants';
import { RubotError } from '@rubot/errors';
import type { z } from 'zod';
import type { TenantStore } from '../../store/tenants.ts';
import { readPage } from '../read-page.ts';

/** One page, and where the next begins. */
export function listTenants(tenants: TenantStore, { cursor, limit }: z.infer<typeof ListTenantsQuery>): Promise<TenantList> {
  return readPage(
    limit,
    (atMost) => tenants.list({ limit: atMost, after: cursor }),
    (tenant) => tenant.tenant_id,
  );
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
