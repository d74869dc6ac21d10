import { CreatedLinkPin, CreateLinkPin } from '@rubot/contracts/link-pins';
import { ListTenantsQuery, SaveTenant, SaveTenantAccess, Tenant, TenantList } from '@rubot/contracts/tenants';
import type { AdminRoute } from './forward-admin.ts';

/** `GET /admin/tenants?cursor=&limit=` */
export const listTenants: AdminRoute = { query: ListTenantsQuery, answer: TenantList };

/** `POST /admin/tenants`: 201 for a new tenant, 200 for one that is now as stated. */
export const saveTenant: AdminRoute = { body: SaveTenant, answer: Tenant, isIdempotent: true };

/** `GET /admin/tenants/:tenant` */
export const readTenant: AdminRoute = { answer: Tenant };

/** `PUT /admin/tenants/:tenant/access`: which agents and tools it may use, and which calls a person has to agree to. */
export const saveTenantAccess: AdminRoute = { body: SaveTenantAccess, answer: Tenant };

/** `POST /admin/tenants/:tenant/link-pins`: the PIN is told once. */
export const createLinkPin: AdminRoute = { body: CreateLinkPin, answer: CreatedLinkPin };
