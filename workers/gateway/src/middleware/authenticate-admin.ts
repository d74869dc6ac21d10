import { matchesSecret } from '@rubot/http/constant-time';
import type { MiddlewareHandler } from 'hono';
import type { GatewayEnv } from '../context.ts';
import type { GatewayDeps } from '../deps.ts';
import { authenticate } from './authenticate.ts';

const HINT = 'Send Authorization: Bearer with the ADMIN_API_KEY, or with an API token (rbt_…) that has a scope of administration.';

/** Who asks under `/admin`: the operator, or whoever administers one tenant by a token. What a token may do here, each route says. */
export function authenticateAdmin(deps: GatewayDeps): MiddlewareHandler<GatewayEnv> {
  const { adminApiKey } = deps.config.secrets;
  return authenticate(deps, HINT, (text) => (matchesSecret(text, adminApiKey) ? { kind: 'operator' } : undefined));
}
