import { HEADERS } from '@rubot/contracts/headers';
import type { Context, MiddlewareHandler } from 'hono';
import type { GatewayEnv } from '../context.ts';
import type { GatewayDeps } from '../deps.ts';

/** Counts each credential by itself, and the senders of the chat source, which share one key, each by itself. */
export function shieldCaller({ shield }: GatewayDeps): MiddlewareHandler<GatewayEnv> {
  return async function admitCaller(c, next) {
    await shield.admit(toShieldKey(c));
    await next();
  };
}

const MAX_KEY_CHARACTERS = 200;

function toShieldKey(c: Context<GatewayEnv>): string {
  const authority = c.get('authority');
  if (authority.kind === 'token') return `token:${authority.tokenId}`;
  if (authority.kind === 'operator') return 'operator';
  return `sender:${c.req.header(HEADERS.senderId) ?? ''}`.slice(0, MAX_KEY_CHARACTERS);
}
