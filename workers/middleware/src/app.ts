import { answerHealthz, createBaseApp } from '@rubot/http/base-app';
import { requireHopKey } from '@rubot/http/hop-key';
import type { Hono } from 'hono';
import type { MiddlewareEnv } from './context.ts';
import type { MiddlewareDeps } from './deps.ts';
import { auditRefusals } from './middleware/audit-refusals.ts';
import { authenticateBearer } from './middleware/authenticate-bearer.ts';
import { identifyActor } from './middleware/identify-actor.ts';
import { reportRefusals } from './middleware/report-refusals.ts';
import { requireScope } from './middleware/require-scope.ts';
import { challengeHandler } from './routes/challenge.ts';
import { listConnectionsHandler } from './routes/data/connections.ts';
import { callToolHandler, listToolsHandler } from './routes/data/tools.ts';
import { issueHandleHandler, redeemHandleHandler } from './routes/internal/action-handles.ts';
import { readAuditHandler, readAuditHeadHandler, recordAuditHandler } from './routes/internal/audit.ts';
import { verifyBearerHandler } from './routes/internal/bearers.ts';
import {
  deleteConnectionHandler,
  findConnectionHandler,
  listTenantConnectionsHandler,
  refreshConnectionHandler,
  saveConnectionHandler,
} from './routes/internal/connections.ts';
import { reencryptHandler } from './routes/internal/credentials.ts';
import { diagnosisHandler } from './routes/internal/diagnosis.ts';
import { createBindingHandler, deleteBindingHandler, listBindingsHandler } from './routes/internal/identity-bindings.ts';
import { createLinkPinHandler, useLinkPinHandler } from './routes/internal/link-pins.ts';
import { resolveSessionHandler } from './routes/internal/sessions.ts';
import { findTenantHandler, listTenantsHandler, saveTenantAccessHandler, saveTenantHandler } from './routes/internal/tenants.ts';
import { issueTokenHandler, listTokensHandler, resolveTokenHandler, revokeTokenHandler } from './routes/internal/tokens.ts';
import { readinessHandler } from './routes/readyz.ts';

export function createMiddlewareApp(deps: MiddlewareDeps): Hono<MiddlewareEnv> {
  const app = createBaseApp<MiddlewareEnv>({ logger: deps.logger });
  app.use(reportRefusals());

  app.get('/', (c) => c.text('ok'));
  app.get('/healthz', answerHealthz);
  app.get('/readyz', readinessHandler(deps));
  app.post('/challenge', challengeHandler(deps));

  app.use('/internal/*', requireHopKey(deps.config.secrets.middlewareApiKey, 'MIDDLEWARE_API_KEY'));
  app.use('/internal/*', identifyActor(deps));
  app.get('/internal/diagnosis', diagnosisHandler(deps));
  app.post('/internal/sessions/resolve', resolveSessionHandler(deps));
  app.post('/internal/bearers/verify', verifyBearerHandler(deps));
  app.post('/internal/tokens/resolve', resolveTokenHandler(deps));
  app.post('/internal/action-handles/redeem', redeemHandleHandler(deps));
  app.get('/internal/tenants', listTenantsHandler(deps));
  app.post('/internal/tenants', saveTenantHandler(deps));
  app.get('/internal/tenants/:tenant', findTenantHandler(deps));
  app.put('/internal/tenants/:tenant/access', saveTenantAccessHandler(deps));
  app.get('/internal/tenants/:tenant/tokens', listTokensHandler(deps));
  app.post('/internal/tenants/:tenant/tokens', issueTokenHandler(deps));
  app.delete('/internal/tenants/:tenant/tokens/:tokenId', revokeTokenHandler(deps));
  app.post('/internal/tenants/:tenant/tokens/:tokenId/action-handles', issueHandleHandler(deps));
  app.get('/internal/tenants/:tenant/connections', listTenantConnectionsHandler(deps));
  app.get('/internal/tenants/:tenant/connections/:provider', findConnectionHandler(deps));
  app.put('/internal/tenants/:tenant/connections/:provider', saveConnectionHandler(deps));
  app.delete('/internal/tenants/:tenant/connections/:provider', deleteConnectionHandler(deps));
  app.post('/internal/tenants/:tenant/connections/:provider/refresh', refreshConnectionHandler(deps));
  app.post('/internal/credentials/reencrypt', reencryptHandler(deps));
  app.get('/internal/identity-bindings', listBindingsHandler(deps));
  app.post('/internal/identity-bindings', createBindingHandler(deps));
  app.delete('/internal/identity-bindings/:senderId', deleteBindingHandler(deps));
  app.post('/internal/tenants/:tenant/link-pins', createLinkPinHandler(deps));
  app.post('/internal/link-pins/use', useLinkPinHandler(deps));
  app.post('/internal/audit', recordAuditHandler(deps));
  app.get('/internal/audit/:chain', readAuditHandler(deps));
  app.get('/internal/audit/:chain/head', readAuditHeadHandler(deps));

  app.use('/data/*', auditRefusals(deps));
  app.use('/data/:tenant/*', authenticateBearer(deps));
  app.get('/data/:tenant/connections', requireScope('connections:read'), listConnectionsHandler(deps));
  app.get('/data/:tenant/tools', requireScope('tools:read', 'tools:write'), listToolsHandler(deps));
  app.post('/data/:tenant/tools/:tool/call', callToolHandler(deps));

  return app;
}
