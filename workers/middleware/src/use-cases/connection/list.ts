import type { Connections } from '@rubot/contracts/data';
import type { ProviderRegistry } from '../../providers/registry.ts';
import { selectConnections } from '../../store/connections.ts';
import { selectAgentAccess, toAgentAccess } from '../../store/tenant-access.ts';
import type { TenantData } from '../../store/tenant-data.ts';

/** What the bearer's tenant is connected to, and which agents may act for it. */
export async function listConnections(data: TenantData, registry: ProviderRegistry): Promise<Connections> {
  const [rows, connections] = await data.read((database) => [
    selectAgentAccess(database, data.tenantId),
    selectConnections(database, { tenantId: data.tenantId }),
  ]);
  const { providers } = registry.ofTenant(connections);
  const access = toAgentAccess(rows);
  return {
    connections: providers.map(({ id, auth, isConnected }) => ({ provider: id, auth, connected: isConnected })),
    agent_policy: access.agentPolicy,
    agents: access.agents.map(({ agentId, enabled }) => ({ agent_id: agentId, enabled })),
  };
}
