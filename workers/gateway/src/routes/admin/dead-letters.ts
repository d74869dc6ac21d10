import { ListDeadLettersQuery, RedriveRequest } from '@rubot/contracts/dead-letters';
import { readJsonBody } from '@rubot/http/body';
import { parseInput } from '@rubot/http/parse';
import type { Handler } from 'hono';
import type { GatewayEnv } from '../../context.ts';
import type { GatewayDeps } from '../../deps.ts';
import { withinDeadline } from '../../within-deadline.ts';

/** `GET /admin/dead-letters?cursor=&limit=`: runs that were given up, of all tenants. */
export function listDeadLettersHandler({ config, orchestrator }: GatewayDeps): Handler<GatewayEnv> {
  return async function listDeadLetters(c) {
    const query = parseInput(ListDeadLettersQuery, c.req.query());
    return c.json(await withinDeadline(c, config.requestTimeoutMs, (context) => orchestrator.listDeadLetters(query, context)));
  };
}

/** `POST /admin/dead-letters/redrive`: has them tried again, each by itself; the answer says of each what came of it. */
export function redriveHandler({ config, orchestrator }: GatewayDeps): Handler<GatewayEnv> {
  return async function redriveDeadLetters(c) {
    const { value } = await readJsonBody(c.req.raw, { maxBytes: config.maxBodyBytes });
    const request = parseInput(RedriveRequest, value);
    return c.json(await withinDeadline(c, config.requestTimeoutMs, (context) => orchestrator.redrive(request, context)));
  };
}
