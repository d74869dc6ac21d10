import type { ResolveSessionRequest } from '@rubot/contracts/sessions';
import type { BaseVariables } from '@rubot/http/base-app';

/** What a handler finds in its context, and who has put it there before: the middleware of `app.ts`. */
export interface GatewayEnv {
  Variables: BaseVariables & { identity: ResolveSessionRequest };
}
