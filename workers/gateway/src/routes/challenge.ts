import { answerChallengeHandler } from '@rubot/diagnosis/challenge-route';
import type { Handler } from 'hono';
import type { GatewayEnv } from '../context.ts';
import type { GatewayDeps } from '../deps.ts';

/** `POST /challenge`: the orchestrator finds out whether GATEWAY_URL leads back here, and the operator whether the key is right. */
export function challengeHandler({ config }: GatewayDeps): Handler<GatewayEnv> {
  const { gatewayApiKey, adminApiKey } = config.secrets;
  return answerChallengeHandler({ secrets: { GATEWAY_API_KEY: gatewayApiKey, ADMIN_API_KEY: adminApiKey }, identity: config.logSource });
}
