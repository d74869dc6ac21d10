import { answerChallengeHandler } from '@rubot/diagnosis/challenge-route';
import type { Handler } from 'hono';
import type { MiddlewareEnv } from '../context.ts';
import type { MiddlewareDeps } from '../deps.ts';

/** `POST /challenge`: the gateway, and agents in its name, find out whether they have come to the right middleware. */
export function challengeHandler({ config }: MiddlewareDeps): Handler<MiddlewareEnv> {
  const { middlewareApiKey, bearerSigningSecret } = config.secrets;
  return answerChallengeHandler({
    secrets: { MIDDLEWARE_API_KEY: middlewareApiKey, BEARER_SIGNING_SECRET: bearerSigningSecret },
    identity: config.logSource,
  });
}
