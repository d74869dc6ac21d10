import { once } from 'node:events';
import type { BaseEnv } from '@rubot/http/base-app';
import type { Handler } from 'hono';
import type { OrchestratorDeps } from '../deps.ts';
import type { RunStore } from '../runs/run-store.ts';

const CHECK_TIMEOUT_MS = 1_000;

/** `GET /readyz`: whether a completion could be answered now, and whether new ones are wanted. */
export function readinessHandler({ directory, lifecycle, runs }: OrchestratorDeps): Handler<BaseEnv> {
  return async function checkReadiness(c) {
    const isAnyUp = [...directory.agents.values()].some(({ replicas }) => replicas.some((replica) => replica.isUp()));
    const isStoreUp = await canWrite(runs);
    const isReady = isAnyUp && isStoreUp && !lifecycle.isDraining();
    const checks = {
      agents: isAnyUp ? 'ok' : 'unavailable',
      database: isStoreUp ? 'ok' : 'unavailable',
      lifecycle: lifecycle.isDraining() ? 'draining' : 'ok',
    };
    return c.json({ status: isReady ? 'ready' : 'not_ready', checks }, isReady ? 200 : 503);
  };
}

async function canWrite(runs: RunStore): Promise<boolean> {
  const checked = runs.checkReady().then(
    () => true,
    () => false,
  );
  const late = once(AbortSignal.timeout(CHECK_TIMEOUT_MS), 'abort').then(() => false);
  return Promise.race([checked, late]);
}
