import type { Connections } from '@rubot/contracts/data';
import type { ProviderRegistry } from '../../providers/registry.ts';
import { selectConnections } from '../../store/connections.ts';
import { readTenantAccess } from '../../store/tenant-access.ts';
import type { TenantData } from '../../store/tenant-data.ts';

/** What the bearer's tenant is connected to, and which agents may act for it. */
export async function listConnections(data: TenantData, registry: ProviderRegistry): Promise<Connections> {
  const [access, [connections]] = await Promise.all([readTenantAccess(data), data.read((database) => [selectConnections(database, data)])]);
  const { providers } = registry.ofTenant(connections);
  return {
    connections: providers.map(({ id, auth, isConnected }) => ({ provider: id, auth, connected: isConnected })),
    agent_policy: access.agentPolicy,
    agents: access.agents.map(({ agentId, enabled }) => ({ agent_id: agentId, enabled })),
  };
}
