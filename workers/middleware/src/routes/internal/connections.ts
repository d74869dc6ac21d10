import { SaveConnection } from '@rubot/contracts/connections';
import { ProviderId, TenantId } from '@rubot/contracts/ids';
import { readJsonBody } from '@rubot/http/body';
import { parseInput } from '@rubot/http/parse';
import type { Context, Handler } from 'hono';
import type { MiddlewareEnv } from '../../context.ts';
import type { MiddlewareDeps } from '../../deps.ts';
import type { ConnectionKey } from '../../store/connections.ts';
import { deleteConnection } from '../../use-cases/provider-connection/delete.ts';
import { findConnection, listTenantConnections } from '../../use-cases/provider-connection/find.ts';
import { refreshConnection } from '../../use-cases/provider-connection/refresh.ts';
import { saveConnection } from '../../use-cases/provider-connection/save.ts';

/** `GET /internal/tenants/:tenant/connections` */
export function listTenantConnectionsHandler({ store }: MiddlewareDeps): Handler<MiddlewareEnv> {
  return async (c) => c.json(await listTenantConnections(store.connections, parseInput(TenantId, c.req.param('tenant'), 'tenant')));
}

/** `GET /internal/tenants/:tenant/connections/:provider` */
export function findConnectionHandler({ store }: MiddlewareDeps): Handler<MiddlewareEnv> {
  return async (c) => c.json(await findConnection(store.connections, readKey(c)));
}

/** `PUT /internal/tenants/:tenant/connections/:provider`: 201 for a new one, 200 for one that is now as stated. */
export function saveConnectionHandler(deps: MiddlewareDeps): Handler<MiddlewareEnv> {
  return async function save(c) {
    const key = readKey(c);
    const body = await readJsonBody(c.req.raw, { maxBytes: deps.config.maxBodyBytes });
    const { connection, isNew } = await saveConnection(deps, c.get('auditing'), { key, input: parseInput(SaveConnection, body.value) });
    c.get('span').log('connection.saved', { extra: { provider: key.providerId, tools: connection.tools.length } });
    return c.json(connection, isNew ? 201 : 200);
  };
}

/** `POST /internal/tenants/:tenant/connections/:provider/refresh` */
export function refreshConnectionHandler(deps: MiddlewareDeps): Handler<MiddlewareEnv> {
  return async function refresh(c) {
    const key = readKey(c);
    const connection = await refreshConnection(deps, c.get('auditing'), key);
    c.get('span').log('connection.saved', { extra: { provider: key.providerId, tools: connection.tools.length } });
    return c.json(connection);
  };
}

/** `DELETE /internal/tenants/:tenant/connections/:provider` */
export function deleteConnectionHandler(deps: MiddlewareDeps): Handler<MiddlewareEnv> {
  return async function remove(c) {
    const key = readKey(c);
    await deleteConnection(deps, c.get('auditing'), key);
    c.get('span').log('connection.deleted', { extra: { provider: key.providerId } });
    return c.body(null, 204);
  };
}

function readKey(c: Context<MiddlewareEnv>): ConnectionKey {
  const tenantId = parseInput(TenantId, c.req.param('tenant'), 'tenant');
  const providerId = parseInput(ProviderId, c.req.param('provider'), 'provider');
  c.get('span').annotate({ tenant_id: tenantId });
  return { tenantId, providerId };
}
