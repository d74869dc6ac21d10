import { RubotError } from '@rubot/errors';
import { matchesSecret } from '@rubot/http/constant-time';
import type { MiddlewareHandler } from 'hono';
import type { GatewayEnv } from '../context.ts';
import type { GatewayDeps } from '../deps.ts';
import { authenticate } from './authenticate.ts';

const HINT = 'Send Authorization: Bearer with an API token (rbt_…), or with the GATEWAY_API_KEY from the chat source.';

/** Who asks under `/v1`: the operator's chat source by the gateway's key, or a client by its token or the bearer of an action. */
export function authenticateClient(deps: GatewayDeps): MiddlewareHandler<GatewayEnv> {
  const { secrets, gatewayKeyForClients } = deps.config;
  return authenticate(deps, HINT, (text) => {
    if (!matchesSecret(text, secrets.gatewayApiKey)) return undefined;
    if (gatewayKeyForClients) return { kind: 'chat_source' };
    throw new RubotError('invalid_api_key', 'The GATEWAY_API_KEY opens nothing for clients here. Send an API token (rbt_…).');
  });
}
