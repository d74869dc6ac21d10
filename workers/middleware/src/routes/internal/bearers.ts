import { VerifyBearerRequest } from '@rubot/contracts/bearer';
import { readJsonBody } from '@rubot/http/body';
import { parseInput } from '@rubot/http/parse';
import type { Handler } from 'hono';
import type { MiddlewareEnv } from '../../context.ts';
import type { MiddlewareDeps } from '../../deps.ts';
import { verifyHeldBearer } from '../../use-cases/bearer/verify.ts';

/** `POST /internal/bearers/verify`: 401 for a bearer that is not ours or has expired, 403 when its sender is bound no longer. */
export function verifyBearerHandler(deps: MiddlewareDeps): Handler<MiddlewareEnv> {
  return async function verify(c) {
    const body = await readJsonBody(c.req.raw, { maxBytes: deps.config.maxBodyBytes });
    const { bearer } = parseInput(VerifyBearerRequest, body.value);
    return c.json(await verifyHeldBearer(deps, c.get('auditing'), bearer));
  };
}
