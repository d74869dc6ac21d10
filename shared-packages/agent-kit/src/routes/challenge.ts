import { answerChallengeHandler } from '@rubot/diagnosis/challenge-route';
import type { BaseEnv } from '@rubot/http/base-app';
import type { Handler } from 'hono';
import type { AgentDeps } from '../deps.ts';

/** `POST /challenge`: the orchestrator finds out whether it has come to the right agent. */
export function challengeHandler({ config }: AgentDeps): Handler<BaseEnv> {
  return answerChallengeHandler({ secrets: { ORCHESTRATOR_API_KEY: config.secrets.orchestratorApiKey }, identity: config.logSource });
}
