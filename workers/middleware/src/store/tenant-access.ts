import { asc, eq } from 'drizzle-orm';
import { tenantAgents, tenants } from './schema.ts';
import type { TenantData } from './tenant-data.ts';

export interface TenantAccess {
  readonly agentPolicy: 'all' | 'listed';
  readonly agents: readonly { readonly agentId: string; readonly enabled: boolean }[];
}

export async function readTenantAccess(data: TenantData): Promise<TenantAccess> {
  const [[tenant], agents] = await data.read((database) => [
    database.select({ agentPolicy: tenants.agentPolicy }).from(tenants).where(eq(tenants.tenantId, data.tenantId)),
    database
      .select({ agentId: tenantAgents.agentId, enabled: tenantAgents.enabled })
      .from(tenantAgents)
      .where(eq(tenantAgents.tenantId, data.tenantId))
      .orderBy(asc(tenantAgents.agentId)),
  ]);
  // A bound sender's tenant exists: the binding refers to it.
  return { agentPolicy: tenant?.agentPolicy ?? 'listed', agents };
}
