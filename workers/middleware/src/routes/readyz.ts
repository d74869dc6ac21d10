import type { Handler } from 'hono';
import type { MiddlewareEnv } from '../context.ts';
import type { MiddlewareDeps } from '../deps.ts';

const CHECK_TIMEOUT_MS = 1_000;

/** `GET /readyz`: whether the database answers and has its tables. Open, so it says that and nothing more. */
export function readinessHandler({ store }: MiddlewareDeps): Handler<MiddlewareEnv> {
  return async function checkReadiness(c) {
    const isReady = await withinTime(store.checkReady());
    return c.json({ status: isReady ? 'ready' : 'not_ready', checks: { database: isReady ? 'ok' : 'unavailable' } }, isReady ? 200 : 503);
  };
}

/** A query of D1 cannot be cancelled, only no longer waited for. */
function withinTime(check: Promise<void>): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), CHECK_TIMEOUT_MS);
    check
      .then(() => resolve(true))
      .catch(() => resolve(false))
      .finally(() => clearTimeout(timer));
  });
}
