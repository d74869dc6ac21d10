import type { Handler } from 'hono';
import type { MiddlewareEnv } from '../../context.ts';
import type { MiddlewareDeps } from '../../deps.ts';
import { listConnections } from '../../use-cases/connection/list.ts';

/** `GET /data/:tenant/connections` */
export function listConnectionsHandler({ providers }: MiddlewareDeps): Handler<MiddlewareEnv> {
  return async (c) => c.json(await listConnections(c.get('data'), providers));
}
