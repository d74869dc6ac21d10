import { answerChallengeHandler } from '@rubot/diagnosis/challenge-route';
import type { BaseEnv } from '@rubot/http/base-app';
import type { Handler } from 'hono';
import type { OrchestratorDeps } from '../deps.ts';

/** `POST /challenge`: the gateway finds out whether it has come to the right orchestrator. */
export function challengeHandler({ config }: OrchestratorDeps): Handler<BaseEnv> {
  return answerChallengeHandler({ secrets: { GATEWAY_API_KEY: config.secrets.gatewayApiKey }, identity: config.logSource });
}
