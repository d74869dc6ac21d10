import { TraceId } from '@rubot/contracts/ids';
import type { Trace } from '@rubot/contracts/runs';
import { RubotError } from '@rubot/errors';
import type { BaseEnv } from '@rubot/http/base-app';
import type { Handler } from 'hono';
import type { OrchestratorDeps } from '../deps.ts';
import { readOwner } from './caller.ts';

/** A client chooses its trace ids, and may put all it ever asks under one. */
const MAX_RUNS = 100;

/** `GET /v1/traces/:traceId`: the sender's own runs of a trace. 404 for those of others too: that there are any is none of its business. */
export function retrieveTraceHandler({ runs }: OrchestratorDeps): Handler<BaseEnv> {
  return async function retrieveTrace(c) {
    const owner = readOwner(c.req.raw.headers);
    const traceId = TraceId.safeParse(c.req.param('traceId'));
    const found = traceId.success ? await runs.listOfTrace(traceId.data, MAX_RUNS, owner) : [];
    if (!traceId.success || found.length === 0) throw notFound();
    c.get('span').annotate({ tenant_id: owner.tenantId, sender_id: owner.senderId });
    return c.json({ object: 'trace', id: traceId.data, runs: [...found] } satisfies Trace);
  };
}

function notFound(): RubotError {
  return new RubotError('not_found', 'There is no run of such a trace. Check the id, and that the sender is the one who began it.');
}
