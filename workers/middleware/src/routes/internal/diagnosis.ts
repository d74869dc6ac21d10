import type { Diagnosis } from '@rubot/contracts/diagnosis';
import type { Handler } from 'hono';
import type { MiddlewareEnv } from '../../context.ts';
import type { MiddlewareDeps } from '../../deps.ts';
import { diagnose } from '../../diagnosis/diagnose.ts';

/** `GET /internal/diagnosis` */
export function diagnosisHandler(deps: MiddlewareDeps): Handler<MiddlewareEnv> {
  return async function diagnoseMiddleware(c) {
    return c.json({ findings: [...(await diagnose(deps))] } satisfies Diagnosis);
  };
}
