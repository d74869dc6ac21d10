import type { SaveTenant, Tenant } from '@rubot/contracts/tenants';
import type { TenantStore } from '../../store/tenants.ts';

export async function saveTenant(tenants: TenantStore, input: SaveTenant): Promise<{ tenant: Tenant; isNew: boolean }> {
  const { createdAt, isNew } = await tenants.save(input);
  return { tenant: { ...input, created_at: createdAt }, isNew };
}
