import type { BaseEnv } from '@rubot/http/base-app';
import type { Handler } from 'hono';
import type { OrchestratorDeps } from '../deps.ts';

/** `GET /metrics`: what Prometheus reads of this process. */
export function metricsHandler({ metrics }: OrchestratorDeps): Handler<BaseEnv> {
  return async (c) => c.body(await metrics.render(), 200, { 'content-type': metrics.contentType, 'cache-control': 'no-store' });
}
