import type { Connections } from '@rubot/contracts/data';
import type { Provider } from '../../providers/provider.ts';
import { readTenantAccess } from '../../store/tenant-access.ts';
import type { TenantData } from '../../store/tenant-data.ts';

/** What the bearer's tenant is connected to, and which agents may act for it. */
export async function listConnections(data: TenantData, providers: readonly Provider[]): Promise<Connections> {
  const access = await readTenantAccess(data);
  return {
    connections: providers.map(({ id, auth }) => ({ provider: id, auth, connected: auth === 'none' })),
    agent_policy: access.agentPolicy,
    agents: access.agents.map(({ agentId, enabled }) => ({ agent_id: agentId, enabled })),
  };
}
