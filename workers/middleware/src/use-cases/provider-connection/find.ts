import type { Connection, ConnectionList } from '@rubot/contracts/connections';
import { RubotError } from '@rubot/errors';
import type { ConnectionKey, ConnectionRow, ConnectionStore } from '../../store/connections.ts';
import { rowToConnection } from './to-connection.ts';

/** @throws RubotError `not_found` for an unknown tenant */
export async function listTenantConnections(connections: ConnectionStore, tenantId: string): Promise<ConnectionList> {
  const rows = await connections.list(tenantId);
  if (rows === undefined) throw unknownTenant(tenantId);
  return { object: 'list', data: rows.map(rowToConnection) };
}

/** @throws RubotError `not_found` */
export async function findConnection(connections: ConnectionStore, key: ConnectionKey): Promise<Connection> {
  return rowToConnection(await requireRow(connections, key));
}

/** @throws RubotError `not_found` */
export async function requireRow(connections: ConnectionStore, key: ConnectionKey): Promise<ConnectionRow> {
  const row = await findRow(connections, key);
  if (row === undefined) throw unknownConnection(key);
  return row;
}

/** @throws RubotError `not_found` for an unknown tenant */
export async function findRow(connections: ConnectionStore, { tenantId, providerId }: ConnectionKey): Promise<ConnectionRow | undefined> {
  const rows = await connections.list(tenantId, providerId);
  if (rows === undefined) throw unknownTenant(tenantId);
  return rows[0];
}

export function unknownConnection({ tenantId, providerId }: ConnectionKey): RubotError {
  return new RubotError('not_found', `Tenant ${tenantId} has no connection ${providerId}. List its connections to see which there are.`, {
    param: 'provider',
  });
}

function unknownTenant(tenantId: string): RubotError {
  return new RubotError('not_found', `There is no tenant ${tenantId}. List the tenants to see which there are.`, { param: 'tenant' });
}
