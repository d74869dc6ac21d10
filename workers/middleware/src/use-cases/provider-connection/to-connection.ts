import type { Connection } from '@rubot/contracts/connections';
import { readConnection, type Connection as StoredConnection } from '../../providers/connected/connection.ts';
import type { ConnectionRow } from '../../store/connections.ts';

/** As it is shown: never with its credential, and without what only rubot has use for. */
function toConnection({ tenantId, providerId, kind, config, offered, notOffered, sealed, updatedAt }: StoredConnection): Connection {
  return {
    tenant_id: tenantId,
    provider_id: providerId,
    kind,
    url: config.url,
    auth: config.auth,
    has_credential: sealed !== undefined,
    tools: offered.map(({ name, effect, needs_approval, description }) => ({ name, effect, needs_approval, description })),
    not_offered: [...notOffered],
    updated_at: updatedAt,
  };
}

/** One that cannot be read is shown all the same, so that it can be saved anew or deleted. */
export function rowToConnection(row: ConnectionRow): Connection {
  const connection = readConnection(row);
  if (connection !== undefined) return toConnection(connection);
  const reason = 'What is kept of this connection cannot be read. Save it anew.';
  return {
    tenant_id: row.tenantId,
    provider_id: row.providerId,
    kind: row.kind,
    url: '',
    auth: { type: 'unknown' },
    has_credential: row.box !== null,
    tools: [],
    not_offered: [{ name: row.providerId, reason }],
    updated_at: row.updatedAt,
  };
}
