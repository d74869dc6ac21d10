import { answerHealthz, createBaseApp } from '@rubot/http/base-app';
import { requireHopKey } from '@rubot/http/hop-key';
import type { Hono } from 'hono';
import type { GatewayEnv } from './context.ts';
import type { GatewayDeps } from './deps.ts';
import { identifyCaller } from './middleware/identify-caller.ts';
import { passHeaders } from './middleware/pass-headers.ts';
import { decideApprovalHandler } from './routes/approvals.ts';
import { challengeHandler } from './routes/challenge.ts';
import { createChatCompletionHandler } from './routes/chat-completions.ts';
import { listDeadLettersHandler, redriveHandler } from './routes/dead-letters.ts';
import { diagnosisHandler } from './routes/diagnosis.ts';
import { createBindingHandler, deleteBindingHandler, listBindingsHandler } from './routes/identity-bindings.ts';
import { renewBearerHandler } from './routes/internal/bearers.ts';
import { listModelsHandler, retrieveModelHandler } from './routes/models.ts';
import { readinessHandler } from './routes/readyz.ts';
import { readRunEventsHandler } from './routes/run-events.ts';
import { createRunHandler, forwardRunRequest } from './routes/runs.ts';

export function createGatewayApp(deps: GatewayDeps): Hono<GatewayEnv> {
  const { gatewayApiKey, adminApiKey } = deps.config.secrets;
  const app = createBaseApp<GatewayEnv>({ logger: deps.logger, facesClients: true });

  app.get('/', (c) => c.text('ok'));
  app.get('/healthz', answerHealthz);
  app.get('/readyz', readinessHandler(deps));
  app.post('/challenge', challengeHandler(deps));

  app.use('/v1/*', requireHopKey(gatewayApiKey, 'GATEWAY_API_KEY'), identifyCaller(), passHeaders());
  app.post('/v1/chat/completions', createChatCompletionHandler(deps));
  app.get('/v1/models', listModelsHandler(deps));
  app.get('/v1/models/:model{.+}', retrieveModelHandler(deps));
  app.post('/v1/runs', createRunHandler(deps));
  app.get('/v1/runs', forwardRunRequest(deps));
  app.get('/v1/runs/:runId', forwardRunRequest(deps));
  app.get('/v1/runs/:runId/events', readRunEventsHandler(deps));
  app.post('/v1/runs/:runId/cancel', forwardRunRequest(deps));
  app.post('/v1/runs/:runId/approvals/:toolCallId', decideApprovalHandler(deps));

  app.use('/internal/*', requireHopKey(gatewayApiKey, 'GATEWAY_API_KEY'));
  app.post('/internal/bearers', renewBearerHandler(deps));

  app.use('/admin/*', requireHopKey(adminApiKey, 'ADMIN_API_KEY'));
  app.get('/admin/identity-bindings', listBindingsHandler(deps));
  app.post('/admin/identity-bindings', createBindingHandler(deps));
  app.delete('/admin/identity-bindings/:senderId', deleteBindingHandler(deps));
  app.get('/admin/diagnosis', diagnosisHandler(deps));
  app.get('/admin/dead-letters', listDeadLettersHandler(deps));
  app.post('/admin/dead-letters/redrive', redriveHandler(deps));

  return app;
}
