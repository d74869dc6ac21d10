import type { BaseEnv } from '@rubot/http/base-app';
import type { Handler } from 'hono';
import type { OrchestratorDeps } from '../deps.ts';

/** `GET /readyz`: whether a completion could be answered now, and whether new ones are wanted. */
export function readinessHandler({ directory, lifecycle }: OrchestratorDeps): Handler<BaseEnv> {
  return function checkReadiness(c) {
    const isAnyUp = [...directory.agents.values()].some(({ replicas }) => replicas.some((replica) => replica.isUp()));
    const isReady = isAnyUp && !lifecycle.isDraining();
    const checks = { agents: isAnyUp ? 'ok' : 'unavailable', lifecycle: lifecycle.isDraining() ? 'draining' : 'ok' };
    return c.json({ status: isReady ? 'ready' : 'not_ready', checks }, isReady ? 200 : 503);
  };
}
