import type { Hono } from 'hono';
import type { GatewayEnv } from '../../context.ts';
import type { GatewayDeps } from '../../deps.ts';
import { createAccessRules } from '../../middleware/access-rules.ts';
import { readAuditHandler, readAuditHead } from './audit.ts';
import {
  deleteConnection,
  listConnections,
  readConnection,
  reencryptCredentials,
  refreshConnection,
  saveConnection,
} from './connections.ts';
import { listDeadLettersHandler, redriveHandler } from './dead-letters.ts';
import { diagnosisHandler } from './diagnosis.ts';
import { createAdminForwarder } from './forward-admin.ts';
import { createBinding, deleteBinding, listBindings } from './identity-bindings.ts';
import { createLinkPin, listTenants, readTenant, saveTenant, saveTenantAccess } from './tenants.ts';
import { issueActionHandle, issueToken, listTokens, revokeToken } from './tokens.ts';

/** The part of the route table that is for whoever administers: the operator everything, a token what is its own tenant's. */
export function mountAdminRoutes(app: Hono<GatewayEnv>, deps: GatewayDeps): void {
  const { operatorOnly, scope, tenantScope } = createAccessRules(deps);
  const forward = createAdminForwarder(deps);

  app.get('/admin/tenants', operatorOnly, forward(listTenants));
  app.post('/admin/tenants', operatorOnly, forward(saveTenant));
  app.get('/admin/tenants/:tenant', tenantScope('admin:access'), forward(readTenant));
  app.put('/admin/tenants/:tenant/access', tenantScope('admin:access'), forward(saveTenantAccess));

  app.get('/admin/tenants/:tenant/tokens', tenantScope('admin:tokens'), forward(listTokens));
  app.post('/admin/tenants/:tenant/tokens', tenantScope('admin:tokens'), forward(issueToken));
  app.delete('/admin/tenants/:tenant/tokens/:tokenId', tenantScope('admin:tokens'), forward(revokeToken(deps)));
  app.post('/admin/tenants/:tenant/tokens/:tokenId/action-handles', tenantScope('admin:tokens'), forward(issueActionHandle));

  app.post('/admin/tenants/:tenant/link-pins', tenantScope('admin:senders'), forward(createLinkPin));
  app.get('/admin/identity-bindings', scope('admin:senders'), forward(listBindings(deps)));
  app.post('/admin/identity-bindings', scope('admin:senders'), forward(createBinding(deps)));
  app.delete('/admin/identity-bindings/:senderId', scope('admin:senders'), forward(deleteBinding(deps)));

  app.get('/admin/tenants/:tenant/connections', tenantScope('admin:connections'), forward(listConnections));
  app.get('/admin/tenants/:tenant/connections/:provider', tenantScope('admin:connections'), forward(readConnection));
  app.put('/admin/tenants/:tenant/connections/:provider', tenantScope('admin:connections'), forward(saveConnection));
  app.delete('/admin/tenants/:tenant/connections/:provider', tenantScope('admin:connections'), forward(deleteConnection));
  app.post('/admin/tenants/:tenant/connections/:provider/refresh', tenantScope('admin:connections'), forward(refreshConnection));
  app.post('/admin/credentials/reencrypt', operatorOnly, forward(reencryptCredentials));

  app.get('/admin/tenants/:tenant/audit', tenantScope('admin:audit'), readAuditHandler(deps));
  app.get('/admin/tenants/:tenant/audit/head', tenantScope('admin:audit'), forward(readAuditHead));
  app.get('/admin/audit', operatorOnly, readAuditHandler(deps));
  app.get('/admin/audit/head', operatorOnly, forward(readAuditHead));

  app.get('/admin/diagnosis', operatorOnly, diagnosisHandler(deps));
  app.get('/admin/dead-letters', operatorOnly, listDeadLettersHandler(deps));
  app.post('/admin/dead-letters/redrive', operatorOnly, redriveHandler(deps));
}
