import { answerHealthz, createBaseApp } from '@rubot/http/base-app';
import { requireHopKey } from '@rubot/http/hop-key';
import type { Hono } from 'hono';
import type { GatewayEnv } from './context.ts';
import type { GatewayDeps } from './deps.ts';
import { createAccessRules } from './middleware/access-rules.ts';
import { authenticateAdmin } from './middleware/authenticate-admin.ts';
import { authenticateClient } from './middleware/authenticate-client.ts';
import { identifyCaller } from './middleware/identify-caller.ts';
import { passHeaders } from './middleware/pass-headers.ts';
import { refuseInternalHeaders } from './middleware/refuse-internal-headers.ts';
import { shieldCaller } from './middleware/shield-caller.ts';
import { redeemActionHandleHandler } from './routes/action-bearers.ts';
import { mountAdminRoutes } from './routes/admin/mount.ts';
import { decideApprovalHandler } from './routes/approvals.ts';
import { challengeHandler } from './routes/challenge.ts';
import { createChatCompletionHandler } from './routes/chat-completions.ts';
import { renewBearerHandler } from './routes/internal/bearers.ts';
import { linkHandler } from './routes/link.ts';
import { listModelsHandler, retrieveModelHandler } from './routes/models.ts';
import { readinessHandler } from './routes/readyz.ts';
import { readRunEventsHandler } from './routes/run-events.ts';
import { createRunHandler, forwardRunRequest } from './routes/runs.ts';

export function createGatewayApp(deps: GatewayDeps): Hono<GatewayEnv> {
  const app = createBaseApp<GatewayEnv>({ logger: deps.logger, facesClients: true });
  const { scope, anyClient, chatSourceOnly, tokenOnly } = createAccessRules(deps);

  app.get('/', (c) => c.text('ok'));
  app.get('/healthz', answerHealthz);
  app.get('/readyz', readinessHandler(deps));
  app.post('/challenge', challengeHandler(deps));

  app.use('/v1/*', authenticateClient(deps), shieldCaller(deps), refuseInternalHeaders(deps), identifyCaller(deps), passHeaders());
  app.post('/v1/chat/completions', scope('chat:write'), createChatCompletionHandler(deps));
  app.get('/v1/models', anyClient, listModelsHandler(deps));
  app.get('/v1/models/:model{.+}', anyClient, retrieveModelHandler(deps));
  app.post('/v1/runs', scope('run:write'), createRunHandler(deps));
  app.get('/v1/runs', scope('run:read'), forwardRunRequest(deps));
  app.get('/v1/runs/:runId', scope('run:read'), forwardRunRequest(deps));
  app.get('/v1/runs/:runId/events', scope('run:read'), readRunEventsHandler(deps));
  app.post('/v1/runs/:runId/cancel', scope('run:write'), forwardRunRequest(deps));
  app.post('/v1/runs/:runId/approvals/:toolCallId', scope('approval:submit'), decideApprovalHandler(deps));
  app.get('/v1/traces/:traceId', scope('trace:read'), forwardRunRequest(deps));
  app.post('/v1/action-bearers', tokenOnly, redeemActionHandleHandler(deps));
  app.post('/v1/link', chatSourceOnly, linkHandler(deps));

  app.use('/internal/*', requireHopKey(deps.config.secrets.gatewayApiKey, 'GATEWAY_API_KEY'));
  app.post('/internal/bearers', renewBearerHandler(deps));

  app.use('/admin/*', authenticateAdmin(deps), shieldCaller(deps), refuseInternalHeaders(deps));
  mountAdminRoutes(app, deps);

  return app;
}
