import { RubotError } from '@rubot/errors';
import type { Tool } from '../../providers/provider.ts';
import { type ProviderRegistry, providerIdOf, type RegisteredTool } from '../../providers/registry.ts';
import { refuseBearer, refuseTool } from '../../refusal.ts';
import { selectConnections } from '../../store/connections.ts';
import { guardData } from '../../store/guard-data.ts';
import { selectToolPolicy, type ToolPolicyRow, toToolPolicy } from '../../store/tenant-access.ts';
import type { TenantData } from '../../store/tenant-data.ts';
import { decideToolAccess } from './decide-access.ts';
import { listTools, type ToolCaller } from './list.ts';

export interface OpenedTool {
  readonly registered: RegisteredTool;
  /** What the tool gets to see, once it is known that the caller may call it. */
  readonly data: TenantData;
  /**
   * For the end of a call, good or bad: one that has read nothing before it failed, or at all, is judged now.
   *
   * @throws RubotError `forbidden`
   */
  assertOpen(): Promise<void>;
}

/**
 * The tool of that name for this caller. One of rubot's own is judged with the first thing that it reads; for one of a connection, the
 * connection has to be read before, and it is judged then.
 *
 * @throws RubotError `not_found` that names the tools that the caller may call, `forbidden`
 */
export async function openTool(registry: ProviderRegistry, caller: ToolCaller, toolName: string): Promise<OpenedTool> {
  const { data, scopes } = caller;
  const builtIn = registry.findBuiltIn(toolName);
  if (builtIn !== undefined) {
    const guarded = guardData(data, toolName, (rows) => judge(rows, scopes, builtIn.tool));
    return { registered: builtIn, data: guarded, assertOpen: guarded.assertBound };
  }
  const { tenantId } = data;
  const [rows, connections] = await data.read((database) => [
    selectToolPolicy(database, tenantId, toolName),
    selectConnections(database, { tenantId, providerId: providerIdOf(toolName) }),
  ]);
  const registered = registry.ofTenant(connections).find(toolName);
  if (registered === undefined) throw await refuseUnknown(registry, caller);
  judge(rows, scopes, registered.tool);
  return { registered, data, assertOpen: async () => undefined };
}

function judge(rows: readonly ToolPolicyRow[], scopes: readonly string[], tool: Tool): void {
  const access = decideToolAccess({ policy: toToolPolicy(rows), scopes, tool });
  if (access.isOpen) return;
  throw access.reason === 'scope_missing' ? refuseBearer(access.reason) : refuseTool(tool.name);
}

async function refuseUnknown(registry: ProviderRegistry, caller: ToolCaller): Promise<RubotError> {
  const names = (await listTools(registry, caller)).map(({ name }) => name);
  const instead = names.length === 0 ? 'There is none that may be used here.' : `The tools are: ${names.join(', ')}.`;
  return new RubotError('not_found', `There is no tool of that name. ${instead}`, { param: 'tool' });
}
