import type { BearerClaims } from '@rubot/contracts/bearer';
import type { BaseVariables } from '@rubot/http/base-app';
import type { Auditing } from './store/audit/auditing.ts';
import type { TenantData } from './store/tenant-data.ts';

/** What a handler finds in its context, and who has put it there before: the middleware of `app.ts`. */
export interface MiddlewareEnv {
  Variables: BaseVariables & { auditing: Auditing; claims: BearerClaims; data: TenantData; toolName?: string };
}
