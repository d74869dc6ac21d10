import { HEADERS } from '@rubot/contracts/headers';
import { RubotError } from '@rubot/errors';
import type { MiddlewareHandler } from 'hono';
import { refuseOnRecord } from '../access/refuse-on-record.ts';
import type { GatewayEnv } from '../context.ts';
import type { GatewayDeps } from '../deps.ts';
import { WISHES } from './pass-headers.ts';

/** rubot's own headers that a client may send. A trace id that is none is replaced: no right hangs on it, and proxies write them. */
const FOR_CLIENTS: ReadonlySet<string> = new Set([HEADERS.traceId, ...WISHES]);
const INTERNAL_NAME = /^(?:x-rubot-|x-tenant-id$|cf-access-client-)/;
/** Of which there may be one. A header that is sent twice arrives joined by ", ", and a list must not pass for a value. */
const SINGLE: readonly string[] = [HEADERS.sessionId, HEADERS.senderId, HEADERS.idempotencyKey, ...WISHES];

/**
 * Refuses what only our own services may say, and what is said twice. What is nobody's passes here and ends at the gateway: proxies,
 * SDKs and Cloudflare itself add headers that no client knows of.
 */
export function refuseInternalHeaders(deps: GatewayDeps): MiddlewareHandler<GatewayEnv> {
  return async function checkHeaders(c, next) {
    const { headers } = c.req.raw;
    const internal = [...headers.keys()].find(isInternal);
    if (internal !== undefined) {
      const message = `The header ${internal} is for rubot's own services. Leave it out.`;
      const error = new RubotError('invalid_request', message, { param: internal });
      return refuseOnRecord(c, deps, { action: 'request.refused', error, details: { reason: 'internal_header', header: internal } });
    }
    const repeated = SINGLE.find((name) => headers.get(name)?.includes(', '));
    if (repeated !== undefined) {
      const error = new RubotError('invalid_request', `The header ${repeated} must be sent once.`, { param: repeated });
      return refuseOnRecord(c, deps, { action: 'request.refused', error, details: { reason: 'repeated_header', header: repeated } });
    }
    await next();
  };
}

function isInternal(name: string): boolean {
  return INTERNAL_NAME.test(name) && !FOR_CLIENTS.has(name);
}
