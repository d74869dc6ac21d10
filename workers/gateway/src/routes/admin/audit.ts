import { AuditHead, PLATFORM_CHAIN, ReadAuditQuery } from '@rubot/contracts/audit';
import { parseInput } from '@rubot/http/parse';
import type { Context, Handler } from 'hono';
import type { GatewayEnv } from '../../context.ts';
import type { GatewayDeps } from '../../deps.ts';
import { withinDeadline } from '../../within-deadline.ts';
import { type AdminRoute, toAdminCall } from './forward-admin.ts';

/** `GET /admin/tenants/:tenant/audit?after_seq=&limit=`, `GET /admin/audit…`: NDJSON, an entry a line, byte for byte as they were hashed. */
export function readAuditHandler({ config, middleware }: GatewayDeps): Handler<GatewayEnv> {
  return async function readAudit(c) {
    const query = parseInput(ReadAuditQuery, c.req.query());
    const call = toAdminCall(c, { path: toChainPath }, { query, body: undefined });
    const lines = await withinDeadline(c, config.requestTimeoutMs, (context) => middleware.readLines(call, context));
    return new Response(lines, { headers: { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' } });
  };
}

/** `GET /admin/tenants/:tenant/audit/head`, `GET /admin/audit/head`: where the chain ends. */
export const readAuditHead: AdminRoute = { answer: AuditHead, path: (c) => `${toChainPath(c)}/head` };

function toChainPath(c: Context<GatewayEnv>): string {
  return `/internal/audit/${encodeURIComponent(c.req.param('tenant') ?? PLATFORM_CHAIN)}`;
}
