import { answerHealthz, type BaseEnv, createBaseApp } from '@rubot/http/base-app';
import { requireHopKey } from '@rubot/http/hop-key';
import type { Hono } from 'hono';
import type { OrchestratorDeps } from './deps.ts';
import { decideHandler } from './routes/approvals.ts';
import { challengeHandler } from './routes/challenge.ts';
import { createChatCompletionHandler } from './routes/chat-completions.ts';
import { createRunHandler } from './routes/create-run.ts';
import { listDeadLettersHandler, redriveHandler } from './routes/dead-letters.ts';
import { diagnosisHandler } from './routes/diagnosis.ts';
import { metricsHandler } from './routes/metrics.ts';
import { listModelsHandler } from './routes/models.ts';
import { readinessHandler } from './routes/readyz.ts';
import { listRunEventsHandler } from './routes/run-events.ts';
import { cancelRunHandler, listRunsHandler, retrieveRunHandler } from './routes/runs.ts';
import { retrieveTraceHandler } from './routes/traces.ts';

/** A process that only works on runs: it takes them out of the queue, and answers nobody but its host. */
export function createWorkerApp(deps: OrchestratorDeps): Hono<BaseEnv> {
  const app = createBaseApp<BaseEnv>({ logger: deps.logger });

  app.get('/', (c) => c.text('ok'));
  app.get('/healthz', answerHealthz);
  app.get('/readyz', readinessHandler(deps));
  const { metricsApiKey } = deps.config.secrets;
  if (metricsApiKey !== undefined) app.get('/metrics', requireHopKey(metricsApiKey, 'METRICS_API_KEY'), metricsHandler(deps));

  return app;
}

export function createOrchestratorApp(deps: OrchestratorDeps): Hono<BaseEnv> {
  const app = createWorkerApp(deps);

  app.post('/challenge', challengeHandler(deps));

  app.use('/v1/*', requireHopKey(deps.config.secrets.gatewayApiKey, 'GATEWAY_API_KEY'));
  app.post('/v1/chat/completions', createChatCompletionHandler(deps));
  app.get('/v1/models', listModelsHandler(deps));
  app.get('/v1/runs', listRunsHandler(deps));
  app.post('/v1/runs', createRunHandler(deps));
  app.get('/v1/runs/:runId', retrieveRunHandler(deps));
  app.get('/v1/runs/:runId/events', listRunEventsHandler(deps));
  app.post('/v1/runs/:runId/cancel', cancelRunHandler(deps));
  app.post('/v1/runs/:runId/approvals/:toolCallId', decideHandler(deps));
  app.get('/v1/traces/:traceId', retrieveTraceHandler(deps));

  app.use('/admin/*', requireHopKey(deps.config.secrets.gatewayApiKey, 'GATEWAY_API_KEY'));
  app.post('/admin/diagnosis', diagnosisHandler(deps));
  app.get('/admin/dead-letters', listDeadLettersHandler(deps));
  app.post('/admin/dead-letters/redrive', redriveHandler(deps));

  return app;
}
