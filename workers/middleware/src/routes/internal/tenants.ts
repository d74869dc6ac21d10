import { TenantId } from '@rubot/contracts/ids';
import { ListTenantsQuery, SaveTenant, SaveTenantAccess } from '@rubot/contracts/tenants';
import { readJsonBody } from '@rubot/http/body';
import { parseInput } from '@rubot/http/parse';
import type { Context, Handler } from 'hono';
import type { MiddlewareEnv } from '../../context.ts';
import type { MiddlewareDeps } from '../../deps.ts';
import { findTenant, listTenants } from '../../use-cases/tenant/find.ts';
import { type SavedTenant, saveTenant, saveTenantAccess } from '../../use-cases/tenant/save.ts';

/** `GET /internal/tenants?cursor=&limit=` */
export function listTenantsHandler({ store }: MiddlewareDeps): Handler<MiddlewareEnv> {
  return async (c) => c.json(await listTenants(store.tenants, parseInput(ListTenantsQuery, c.req.query())));
}

/** `GET /internal/tenants/:tenant` */
export function findTenantHandler({ store }: MiddlewareDeps): Handler<MiddlewareEnv> {
  return async (c) => c.json(await findTenant(store.tenants, readTenantId(c)));
}

/** `POST /internal/tenants`: 201 for a new tenant, 200 for one that is now as stated. */
export function saveTenantHandler({ config, store }: MiddlewareDeps): Handler<MiddlewareEnv> {
  return async function save(c) {
    const body = await readJsonBody(c.req.raw, { maxBytes: config.maxBodyBytes });
    return answerSaved(c, await saveTenant(store, c.get('auditing'), parseInput(SaveTenant, body.value)));
  };
}

/** `PUT /internal/tenants/:tenant/access` */
export function saveTenantAccessHandler({ config, store }: MiddlewareDeps): Handler<MiddlewareEnv> {
  return async function saveAccess(c) {
    const tenantId = readTenantId(c);
    const body = await readJsonBody(c.req.raw, { maxBytes: config.maxBodyBytes });
    const access = parseInput(SaveTenantAccess, body.value);
    return answerSaved(c, await saveTenantAccess(store, c.get('auditing'), { tenantId, access }));
  };
}

/** Notes it in the log as well. @throws RubotError `invalid_request` */
export function readTenantId(c: Context<MiddlewareEnv>): string {
  const tenantId = parseInput(TenantId, c.req.param('tenant'), 'tenant');
  c.get('span').annotate({ tenant_id: tenantId });
  return tenantId;
}

function answerSaved(c: Context<MiddlewareEnv>, { tenant, isNew, isChanged }: SavedTenant): Response {
  c.get('span').annotate({ tenant_id: tenant.tenant_id });
  if (isChanged) c.get('span').log('tenant.saved');
  return c.json(tenant, isNew ? 201 : 200);
}
