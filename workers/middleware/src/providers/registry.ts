import type { ToolDescription } from '@rubot/contracts/data';
import type { ConnectionRow } from '../store/connections.ts';
import type { Provider, Tool } from './provider.ts';

/** What rubot itself offers every tenant, and how a tenant's connections are read. */
export interface ProviderRegistry {
  /** The id is taken by a part of rubot, so that no tenant can connect an upstream under it. */
  isBuiltIn(providerId: string): boolean;
  findBuiltIn(toolName: string): RegisteredTool | undefined;
  /** All that one tenant has, its connections included. One that cannot be read takes nothing from the others. */
  ofTenant(connections: readonly ConnectionRow[]): TenantTools;
}

export interface TenantTools {
  readonly providers: readonly Provider[];
  readonly tools: readonly RegisteredTool[];
  find(toolName: string): RegisteredTool | undefined;
}

export interface RegisteredTool {
  readonly provider: Provider;
  readonly tool: Tool;
  /** As models are told of it. */
  readonly description: ToolDescription;
}

export interface RegistryOptions {
  readonly builtIn: readonly Provider[];
  readonly readConnection: (connection: ConnectionRow) => Provider;
}

export function createProviderRegistry({ builtIn, readConnection }: RegistryOptions): ProviderRegistry {
  const ownTools = builtIn.flatMap(registerTools);
  const ownByName = indexByName(ownTools);
  if (ownByName.size !== ownTools.length) throw new TypeError('two tools have the same name');
  const ownIds = new Set(builtIn.map(({ id }) => id));
  return {
    isBuiltIn: (providerId) => ownIds.has(providerId),
    findBuiltIn: (toolName) => ownByName.get(toolName),
    ofTenant(connections) {
      const connected = connections.map(readConnection);
      const tools = [...ownTools, ...connected.flatMap(registerTools)];
      const byName = indexByName(tools);
      return { providers: [...builtIn, ...connected], tools, find: (toolName) => byName.get(toolName) };
    },
  };
}

/** Of the connection that a tool belongs to, if it is one of a connection: ids of providers have no `_`. */
export function providerIdOf(toolName: string): string {
  return toolName.split('_', 1)[0] ?? '';
}

function indexByName(tools: readonly RegisteredTool[]): ReadonlyMap<string, RegisteredTool> {
  return new Map(tools.map((registered) => [registered.tool.name, registered]));
}

function registerTools(provider: Provider): readonly RegisteredTool[] {
  return provider.tools.map((tool) => ({ provider, tool, description: describe(provider, tool) }));
}

function describe(provider: Provider, { name, description, effect, needsApproval = false, inputSchema }: Tool): ToolDescription {
  return { name, provider: provider.id, description, effect, needs_approval: needsApproval, input_schema: { ...inputSchema } };
}
