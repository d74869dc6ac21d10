import type { D1Database } from '@cloudflare/workers-types';
import { type ActionHandleStore, createActionHandleStore } from './action-handles.ts';
import { type ApiTokenStore, createApiTokenStore } from './api-tokens.ts';
import type { Auditing } from './audit/auditing.ts';
import { type AuditTrail, createAuditTrail } from './audit/trail.ts';
import { type ConnectionStore, createConnectionStore } from './connections.ts';
import { type CredentialStore, createCredentialStore } from './credentials.ts';
import { openDatabase, runBatch } from './database.ts';
import { createDiagnosisStore, type DiagnosisStore } from './diagnosis.ts';
import { createIdentityBindingStore, type IdentityBindingStore } from './identity-bindings.ts';
import { createLinkPinStore, type LinkPinStore } from './link-pins.ts';
import { tenants } from './schema.ts';
import { createSessionStore, type SessionStore } from './sessions.ts';
import { type DataCaller, openTenantData, type TenantData } from './tenant-data.ts';
import { createTenantStore, type TenantStore } from './tenants.ts';

/** All that is kept. Nothing outside of `store/` and a provider's own store knows how. */
export interface Store {
  readonly sessions: SessionStore;
  readonly identityBindings: IdentityBindingStore;
  readonly tenants: TenantStore;
  readonly apiTokens: ApiTokenStore;
  readonly actionHandles: ActionHandleStore;
  readonly linkPins: LinkPinStore;
  readonly audit: AuditTrail;
  readonly connections: ConnectionStore;
  readonly credentials: CredentialStore;
  readonly diagnosis: DiagnosisStore;
  openTenantData(caller: DataCaller, auditing: Auditing): TenantData;
  /** Rejects unless the database answers and has been migrated. */
  checkReady(): Promise<void>;
}

export function createStore(binding: D1Database): Store {
  const database = openDatabase(binding);
  return {
    sessions: createSessionStore(database),
    identityBindings: createIdentityBindingStore(database),
    tenants: createTenantStore(database),
    apiTokens: createApiTokenStore(database),
    actionHandles: createActionHandleStore(database),
    linkPins: createLinkPinStore(database),
    audit: createAuditTrail(database),
    connections: createConnectionStore(database),
    credentials: createCredentialStore(database),
    diagnosis: createDiagnosisStore(database),
    openTenantData: (caller, auditing) => openTenantData(database, caller, auditing),
    async checkReady() {
      await runBatch(database, [database.select({ tenantId: tenants.tenantId }).from(tenants).limit(1)]);
    },
  };
}
