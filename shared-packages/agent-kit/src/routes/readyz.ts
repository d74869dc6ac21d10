import type { BaseEnv } from '@rubot/http/base-app';
import type { Handler } from 'hono';
import type { AgentDeps } from '../deps.ts';

/** `GET /readyz`: an agent needs nothing but itself to take a request; it says no once it has been asked to stop. */
export function readinessHandler(deps: AgentDeps): Handler<BaseEnv> {
  return function checkReadiness(c) {
    return deps.isDraining()
      ? c.json({ status: 'not_ready', checks: { lifecycle: 'draining' } }, 503)
      : c.json({ status: 'ready', checks: { lifecycle: 'ok' } });
  };
}
