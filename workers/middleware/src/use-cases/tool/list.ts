import type { ToolDescription } from '@rubot/contracts/data';
import type { ProviderRegistry } from '../../providers/registry.ts';
import { selectConnections } from '../../store/connections.ts';
import { selectToolPolicy, toToolPolicy } from '../../store/tenant-access.ts';
import type { TenantData } from '../../store/tenant-data.ts';
import { decideToolAccess } from './decide-access.ts';

/** Who asks for tools: the claims of a bearer, and the data that it opens. */
export interface ToolCaller {
  readonly data: TenantData;
  readonly scopes: readonly string[];
}

/** The tools that the caller may call, as models are told of them. */
export async function listTools(registry: ProviderRegistry, { data, scopes }: ToolCaller): Promise<ToolDescription[]> {
  const [rows, connections] = await data.read((database) => [
    selectToolPolicy(database, data.tenantId),
    selectConnections(database, { tenantId: data.tenantId }),
  ]);
  const policy = toToolPolicy(rows);
  return registry.ofTenant(connections).tools.flatMap(({ tool, description }) => {
    const access = decideToolAccess({ policy, scopes, tool });
    return access.isOpen ? [{ ...description, needs_approval: access.needsApproval }] : [];
  });
}
