import type { SaveTenant, SaveTenantAccess, Tenant } from '@rubot/contracts/tenants';
import type { Auditing } from '../../store/audit/auditing.ts';
import { isBrokenPrecondition } from '../../store/audit/require-that.ts';
import type { Store } from '../../store/store.ts';
import type { TenantState } from '../../store/tenants.ts';
import { auditFailures } from '../audit/audit-failures.ts';
import { describeChanges } from './describe-changes.ts';
import { noSuchTenant } from './find.ts';

export interface SavedTenant {
  readonly tenant: Tenant;
  readonly isNew: boolean;
  /** What is so already is not changed, and nothing is told of it. */
  readonly isChanged: boolean;
}

type TenantStores = Pick<Store, 'tenants' | 'audit'>;

/** Makes a tenant what is stated, whether it was there or not. */
export async function saveTenant({ tenants }: TenantStores, auditing: Auditing, stated: SaveTenant): Promise<SavedTenant> {
  return change({ tenants, auditing, tenantId: stated.tenant_id, action: 'tenant.saved' }, (before) => ({
    ...stated,
    created_at: before?.created_at ?? new Date().toISOString(),
  }));
}

/**
 * Changes what a tenant may use, and nothing else of it.
 *
 * @throws RubotError `not_found`
 */
export async function saveTenantAccess(
  { tenants, audit }: TenantStores,
  auditing: Auditing,
  { tenantId, access }: { readonly tenantId: string; readonly access: SaveTenantAccess },
): Promise<SavedTenant> {
  const action = 'tenant.access_changed';
  return auditFailures(audit, auditing, { chain: tenantId, action, target: tenantId }, () =>
    change({ tenants, auditing, tenantId, action }, (before) => {
      if (before === undefined) throw noSuchTenant(tenantId);
      return { ...before, ...access };
    }),
  );
}

interface ChangeOptions extends Pick<Store, 'tenants'> {
  readonly auditing: Auditing;
  readonly tenantId: string;
  readonly action: string;
}

/** Others may change the same tenant at the same time; each time one was quicker, what it left is looked at anew. */
const MAX_ATTEMPTS = 20;

async function change(
  { tenants, auditing, tenantId, action }: ChangeOptions,
  toAfter: (before: TenantState | undefined) => TenantState,
): Promise<SavedTenant> {
  for (let attempt = 1; ; attempt += 1) {
    const before = await tenants.find(tenantId);
    const after = inOrder(toAfter(before?.tenant));
    const changes = describeChanges(before?.tenant, after);
    const isNew = before === undefined;
    if (!isNew && Object.keys(changes).length === 0) return { tenant: after, isNew, isChanged: false };
    try {
      const record = { chain: tenantId, action, target: tenantId, details: { is_new: isNew, changes } };
      await tenants.save(auditing, { before, after, record });
      return { tenant: after, isNew, isChanged: true };
    } catch (error) {
      if (!isBrokenPrecondition(error) || attempt === MAX_ATTEMPTS) throw error;
    }
  }
}

/** As they are read back, so that the order in which they are stated is no change. */
function inOrder(state: TenantState): TenantState {
  return {
    ...state,
    agents: state.agents.toSorted((one, other) => (one.agent_id < other.agent_id ? -1 : 1)),
    tools: state.tools.toSorted((one, other) => (one.tool < other.tool ? -1 : 1)),
  };
}
