import type { ResolveSessionRequest } from '@rubot/contracts/sessions';
import type { BaseVariables } from '@rubot/http/base-app';
import type { Authority } from './access/authority.ts';
import type { PassedHeaders } from './middleware/pass-headers.ts';

/** What a handler finds in its context, and who has put it there before: the middleware of `app.ts`. */
export interface GatewayEnv {
  Variables: BaseVariables & {
    authority: Authority;
    identity: ResolveSessionRequest;
    clientHeaders: PassedHeaders;
    /** In which the caller was found to speak; none is known before its session is. */
    tenantId: string | undefined;
    /** Of the orchestrator, once it has answered. */
    answerHeaders: Headers | undefined;
  };
}
