import type { Handler } from 'hono';
import type { AgentEnv } from '../app.ts';
import type { AgentDeps } from '../deps.ts';

/** `GET /readyz`: an agent needs nothing but itself to take a request; it says no once it has been asked to stop. */
export function readinessHandler(deps: AgentDeps): Handler<AgentEnv> {
  return function checkReadiness(c) {
    return deps.isDraining()
      ? c.json({ status: 'not_ready', checks: { lifecycle: 'draining' } }, 503)
      : c.json({ status: 'ready', checks: { lifecycle: 'ok' } });
  };
}
