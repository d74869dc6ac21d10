import { createDeadline } from '@rubot/http/deadline';
import type { Handler } from 'hono';
import type { GatewayEnv } from '../context.ts';
import type { GatewayDeps } from '../deps.ts';

const CHECK_TIMEOUT_MS = 1_000;

/** `GET /readyz`: whether a completion could be answered now. Open, so it names what is missing and nothing more. */
export function readinessHandler({ middleware, orchestrator }: GatewayDeps): Handler<GatewayEnv> {
  return async function checkReadiness(c) {
    const deadline = createDeadline({ timeoutMs: CHECK_TIMEOUT_MS, callerSignal: c.req.raw.signal });
    const context = { span: c.get('span'), deadline };
    const [middlewareCheck, orchestratorCheck] = await Promise.allSettled([
      middleware.checkReady(context),
      orchestrator.checkReady(context),
    ]);
    deadline.clear();
    const checks = { middleware: toState(middlewareCheck), orchestrator: toState(orchestratorCheck) };
    const isReady = Object.values(checks).every((state) => state === 'ok');
    return c.json({ status: isReady ? 'ready' : 'not_ready', checks }, isReady ? 200 : 503);
  };
}

function toState(check: PromiseSettledResult<void>): 'ok' | 'unavailable' {
  return check.status === 'fulfilled' ? 'ok' : 'unavailable';
}
