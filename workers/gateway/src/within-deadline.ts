import { createDeadline } from '@rubot/http/deadline';
import type { Context } from 'hono';
import type { CallContext } from './clients/middleware.ts';
import type { GatewayEnv } from './context.ts';

/** Does the work of a request that is over when its handler returns, within the time that a request may take. */
export async function withinDeadline<T>(c: Context<GatewayEnv>, timeoutMs: number, work: (context: CallContext) => Promise<T>): Promise<T> {
  const deadline = createDeadline({ timeoutMs, callerSignal: c.req.raw.signal });
  try {
    return await work({ span: c.get('span'), deadline });
  } finally {
    deadline.clear();
  }
}
