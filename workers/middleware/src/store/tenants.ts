import type { SaveTenant } from '@rubot/contracts/tenants';
import { eq, sql } from 'drizzle-orm';
import { type Database, runBatch } from './database.ts';
import { tenantAgents, tenants } from './schema.ts';

export interface SavedTenant {
  readonly createdAt: string;
  readonly isNew: boolean;
}

export interface TenantStore {
  /** Makes the tenant what the input says, agents included. */
  save(input: SaveTenant): Promise<SavedTenant>;
}

export function createTenantStore(database: Database): TenantStore {
  return {
    async save({ tenant_id: tenantId, name, agent_policy: agentPolicy, agents }) {
      const createdAt = new Date().toISOString();
      const [inserted, [tenant]] = await runBatch(database, [
        database.insert(tenants).values({ tenantId, name, agentPolicy, createdAt }).onConflictDoNothing().returning(),
        database.update(tenants).set({ name, agentPolicy }).where(eq(tenants.tenantId, tenantId)).returning(),
        database.delete(tenantAgents).where(eq(tenantAgents.tenantId, tenantId)),
        database
          .insert(tenantAgents)
          // One parameter for all of them: D1 takes no more than 100.
          .select(sql`select ${tenantId}, value ->> 'agent_id', value ->> 'enabled' from json_each(${JSON.stringify(agents)})`),
      ]);
      return { createdAt: tenant?.createdAt ?? createdAt, isNew: inserted.length > 0 };
    },
  };
}
