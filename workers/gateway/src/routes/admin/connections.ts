import { Connection, ConnectionList, ReencryptReport, SaveConnection } from '@rubot/contracts/connections';
import type { AdminRoute } from './forward-admin.ts';

/** `GET /admin/tenants/:tenant/connections` */
export const listConnections: AdminRoute = { answer: ConnectionList };

/** `GET /admin/tenants/:tenant/connections/:provider`: never with its credential. */
export const readConnection: AdminRoute = { answer: Connection };

/** `PUT /admin/tenants/:tenant/connections/:provider` */
export const saveConnection: AdminRoute = { body: SaveConnection, answer: Connection };

/** `POST /admin/tenants/:tenant/connections/:provider/refresh`: looks at its upstream's tools anew. */
export const refreshConnection: AdminRoute = { answer: Connection, isIdempotent: true };

/** `DELETE /admin/tenants/:tenant/connections/:provider` */
export const deleteConnection: AdminRoute = {};

/** `POST /admin/credentials/reencrypt`: a page of what is sealed under the former key. */
export const reencryptCredentials: AdminRoute = { answer: ReencryptReport, isIdempotent: true };
