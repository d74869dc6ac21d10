import type { Context } from 'hono';
import type { Caller, ForwardedCall, RunCall } from '../clients/orchestrator.ts';
import type { GatewayEnv } from '../context.ts';
import type { GatewayDeps } from '../deps.ts';
import { noteAnswer } from '../middleware/pass-headers.ts';

/** The client's request as it goes on: same method, path and query, and of its headers those that pass. */
export function toForwardedCall(c: Context<GatewayEnv>, caller: Caller): ForwardedCall {
  const { pathname, search } = new URL(c.req.url);
  return {
    caller,
    method: c.req.method === 'POST' ? 'POST' : 'GET',
    target: `${pathname}${search}`,
    clientHeaders: c.get('clientHeaders'),
    onHead: (headers) => noteAnswer(c, headers),
  };
}

export interface RunRequest {
  readonly caller: Caller;
  readonly runId: string;
  readonly body: Uint8Array<ArrayBuffer>;
}

/** As above, with the credentials of the run that is begun by it, or goes on. */
export async function toRunCall(c: Context<GatewayEnv>, { bearers }: GatewayDeps, { caller, runId, body }: RunRequest): Promise<RunCall> {
  c.set('runId', runId);
  c.get('span').annotate({ run_id: runId });
  return { ...toForwardedCall(c, caller), credentials: await bearers.issue({ ...caller, runId }), body };
}
