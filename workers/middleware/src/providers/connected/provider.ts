import type { PriorDiscovery } from '@modelcontextprotocol/client';
import type { ConnectionRow } from '../../store/connections.ts';
import type { CredentialVault } from '../credential/vault.ts';
import { createHttpTool } from '../http/tools.ts';
import { createMcpTool } from '../mcp/tools.ts';
import type { GuardedFetch } from '../outbound/guarded-fetch.ts';
import type { Provider, Tool } from '../provider.ts';
import { type Connection, readConnection } from './connection.ts';
import type { ToolSnapshot } from './snapshot.ts';
import { openUpstream, type Upstream } from './upstream.ts';

export interface ConnectedProviderOptions {
  readonly fetch: GuardedFetch;
  readonly vault: CredentialVault;
}

/** A tenant's connection as a provider. One that cannot be read is seen, and offers nothing. */
export function createConnectionReader(options: ConnectedProviderOptions): (row: ConnectionRow) => Provider {
  return function toProvider(row) {
    const connection = readConnection(row);
    if (connection === undefined) return { id: row.providerId, auth: 'unknown', isConnected: false, tools: [] };
    const { providerId, config, offered } = connection;
    const open = () => openConnection(connection, options);
    const tools = offered.flatMap((snapshot) => createTool(connection, snapshot, open) ?? []);
    return { id: providerId, auth: config.auth.type, isConnected: true, tools };
  };
}

/** @throws RubotError `misconfigured` when its credential cannot be opened */
export async function openConnection(
  { tenantId, providerId, config, sealed }: Connection,
  { fetch, vault }: ConnectedProviderOptions,
): Promise<Upstream> {
  const credential = sealed === undefined ? undefined : await vault.open({ tenantId, providerId }, sealed);
  return openUpstream({ providerId, url: config.url, auth: config.auth, credential, fetch });
}

function createTool({ kind, dialect }: Connection, snapshot: ToolSnapshot, open: () => Promise<Upstream>): Tool | undefined {
  if (kind === 'http') return createHttpTool(snapshot, open);
  // Written by `lookAtServer`, from what the library itself has said.
  return createMcpTool(snapshot, dialect as PriorDiscovery | undefined, open);
}
