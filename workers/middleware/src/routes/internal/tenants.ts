import { SaveTenant } from '@rubot/contracts/tenants';
import { readJsonBody } from '@rubot/http/body';
import { parseInput } from '@rubot/http/parse';
import type { Handler } from 'hono';
import type { MiddlewareEnv } from '../../context.ts';
import type { MiddlewareDeps } from '../../deps.ts';
import { saveTenant } from '../../use-cases/tenant/save.ts';

/** `POST /internal/tenants`: 201 for a new tenant, 200 for one that is now as stated. */
export function saveTenantHandler({ config, store }: MiddlewareDeps): Handler<MiddlewareEnv> {
  return async function save(c) {
    const body = await readJsonBody(c.req.raw, { maxBytes: config.maxBodyBytes });
    const { tenant, isNew } = await saveTenant(store.tenants, parseInput(SaveTenant, body.value));
    c.get('span').annotate({ tenant_id: tenant.tenant_id });
    c.get('span').log('tenant.saved');
    return c.json(tenant, isNew ? 201 : 200);
  };
}
