import { ApprovalDecision } from '@rubot/contracts/runs';
import type { BaseEnv } from '@rubot/http/base-app';
import { readJsonBody } from '@rubot/http/body';
import { parseInput } from '@rubot/http/parse';
import type { Handler } from 'hono';
import type { OrchestratorDeps } from '../deps.ts';
import { readBearerGrant, readCaller } from './caller.ts';
import { readIdempotencyKey } from './run-request.ts';
import { findRun } from './runs.ts';
import { onceUnderKey } from './under-key.ts';

/** `POST /v1/runs/:runId/approvals/:toolCallId`: with the last decision that a run waits for, it goes on. 409 for a call that was decided. */
export function decideHandler({ runs, config }: OrchestratorDeps): Handler<BaseEnv> {
  return async function decide(c) {
    const caller = readCaller(c.req.raw.headers);
    const { bytes, value } = await readJsonBody(c.req.raw, { maxBytes: config.maxBodyBytes });
    const decision = parseInput(ApprovalDecision, value);
    const { id: runId } = await findRun(c, runs, caller);
    const toolCallId = c.req.param('toolCallId') ?? '';
    const approval = { runId, toolCallId, decision, dataBearer: caller.dataBearer, bearerGrant: readBearerGrant(c.req.raw.headers) };
    const idempotency = readIdempotencyKey(c, '', bytes);
    const isReplay = await onceUnderKey(runs, idempotency, caller, () => runs.decide(approval, caller, idempotency));
    if (isReplay) c.set('isReplay', true);
    return c.json(await findRun(c, runs, caller));
  };
}
