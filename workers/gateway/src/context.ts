import type { ResolveSessionRequest } from '@rubot/contracts/sessions';
import type { BaseVariables } from '@rubot/http/base-app';
import type { PassedHeaders } from './middleware/pass-headers.ts';

/** What a handler finds in its context, and who has put it there before: the middleware of `app.ts`. */
export interface GatewayEnv {
  Variables: BaseVariables & {
    identity: ResolveSessionRequest;
    clientHeaders: PassedHeaders;
    /** Of the orchestrator, once it has answered. */
    answerHeaders: Headers | undefined;
  };
}
