import { answerHealthz, type BaseEnv, createBaseApp } from '@rubot/http/base-app';
import { requireHopKey } from '@rubot/http/hop-key';
import type { Hono } from 'hono';
import type { Agent } from './define-agent.ts';
import type { AgentDeps } from './deps.ts';
import { challengeHandler } from './routes/challenge.ts';
import { createChatCompletionHandler } from './routes/chat-completions.ts';
import { diagnosisHandler } from './routes/diagnosis.ts';
import { readinessHandler } from './routes/readyz.ts';

export function createAgentApp(agent: Agent, deps: AgentDeps): Hono<BaseEnv> {
  const app = createBaseApp<BaseEnv>({ logger: deps.logger });

  app.get('/', (c) => c.text('ok'));
  app.get('/healthz', answerHealthz);
  app.get('/readyz', readinessHandler(deps));
  app.post('/challenge', challengeHandler(deps));

  app.use('/v1/*', requireHopKey(deps.config.secrets.orchestratorApiKey, 'ORCHESTRATOR_API_KEY'));
  app.get('/v1/capabilities', (c) => c.json(agent.capabilities));
  app.post('/v1/diagnosis', diagnosisHandler(agent, deps));
  app.post('/v1/chat/completions', createChatCompletionHandler(agent, deps));

  return app;
}
