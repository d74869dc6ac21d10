import type { Connection } from '@rubot/contracts/connections';
import { RubotError } from '@rubot/errors';
import type { MiddlewareDeps } from '../../deps.ts';
import { readConnection } from '../../providers/connected/connection.ts';
import { openConnection } from '../../providers/connected/provider.ts';
import type { ToolSnapshot } from '../../providers/connected/snapshot.ts';
import { lookAtServer } from '../../providers/mcp/look.ts';
import type { Auditing } from '../../store/audit/auditing.ts';
import type { ConnectionKey } from '../../store/connections.ts';
import { auditFailures } from '../audit/audit-failures.ts';
import { requireRow } from './find.ts';
import { storeUnchanged } from './store-unchanged.ts';
import { rowToConnection } from './to-connection.ts';

/**
 * Takes over what the upstream offers now, by the wishes it was saved with.
 *
 * @throws RubotError `not_found`, `invalid_request`, `conflict`, or what the upstream fails with
 */
export async function refreshConnection(deps: MiddlewareDeps, auditing: Auditing, key: ConnectionKey): Promise<Connection> {
  const record = { chain: key.tenantId, action: 'connection.refreshed', target: key.providerId };
  return auditFailures(deps.store.audit, auditing, record, () => lookAndStore(deps, auditing, key));
}

async function lookAndStore(deps: MiddlewareDeps, auditing: Auditing, key: ConnectionKey): Promise<Connection> {
  const seen = await requireRow(deps.store.connections, key);
  const connection = readConnection(seen);
  if (connection === undefined) throw new RubotError('conflict', 'What is kept of this connection cannot be read. Save it anew.');
  if (connection.kind === 'http') {
    throw new RubotError(
      'invalid_request',
      'This connection is described by the document it was saved with. Save it with the new document.',
    );
  }
  const upstream = await openConnection(connection, { fetch: deps.outboundFetch, vault: deps.vault });
  const snapshot = await lookAtServer(upstream, connection.config);
  const { kind, config, sealed } = connection;
  const saved = await storeUnchanged(deps, auditing, {
    connection: { ...key, kind, config, tools: snapshot, credential: sealed === undefined ? 'none' : 'keep' },
    seen,
    action: 'connection.refreshed',
    details: toChanges(connection.offered, snapshot.offered),
  });
  return rowToConnection(saved);
}

/** What a person has to look at: a tool that says something new to models. */
function toChanges(before: readonly ToolSnapshot[], after: readonly ToolSnapshot[]): Readonly<Record<string, unknown>> {
  const former = new Map(before.map((tool) => [tool.name, JSON.stringify(tool)]));
  const names = new Set(after.map(({ name }) => name));
  return {
    added: after.filter(({ name }) => !former.has(name)).map(({ name }) => name),
    changed: after.filter((tool) => former.has(tool.name) && former.get(tool.name) !== JSON.stringify(tool)).map(({ name }) => name),
    removed: [...former.keys()].filter((name) => !names.has(name)),
  };
}
