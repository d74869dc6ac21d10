import type { Diagnosis } from '@rubot/contracts/diagnosis';
import type { Handler } from 'hono';
import type { GatewayEnv } from '../../context.ts';
import type { GatewayDeps } from '../../deps.ts';
import { diagnose } from '../../diagnosis/diagnose.ts';
import { withinDeadline } from '../../within-deadline.ts';

/** A challenge, and then what the orchestrator finds, which asks its agents, and they the middleware. */
const TIMEOUT_MS = 15_000;

/** `GET /admin/diagnosis`: whether the services of this deployment go together. 200 whatever was found. */
export function diagnosisHandler(deps: GatewayDeps): Handler<GatewayEnv> {
  return async function diagnoseDeployment(c) {
    const findings = await withinDeadline(c, TIMEOUT_MS, (context) => diagnose(deps, context));
    return c.json({ findings: [...findings] } satisfies Diagnosis, 200, { 'cache-control': 'no-store' });
  };
}
