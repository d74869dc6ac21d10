import { RunId } from '@rubot/contracts/ids';
import { ApprovalDecision } from '@rubot/contracts/runs';
import { RubotError } from '@rubot/errors';
import { readJsonBody } from '@rubot/http/body';
import { parseInput } from '@rubot/http/parse';
import type { Handler } from 'hono';
import type { GatewayEnv } from '../context.ts';
import type { GatewayDeps } from '../deps.ts';
import { requireCaller } from '../sessions/resolve-caller.ts';
import { toRunCall } from './forward.ts';
import { relayAnswer } from './relay-answer.ts';

/** `POST /v1/runs/:runId/approvals/:toolCallId`: the run may have waited for days, so it goes on with fresh credentials. */
export function decideApprovalHandler(deps: GatewayDeps): Handler<GatewayEnv> {
  const { config, orchestrator } = deps;

  return async function decideApproval(c) {
    const runId = RunId.safeParse(c.req.param('runId'));
    if (!runId.success) throw new RubotError('not_found', 'There is no such run. Check its id.');
    const { bytes, value } = await readJsonBody(c.req.raw, { maxBytes: config.maxBodyBytes });
    parseInput(ApprovalDecision, value);
    return relayAnswer(c, deps, { timeoutMs: config.requestTimeoutMs }, async (context) => {
      const caller = await requireCaller(c, deps, context);
      return orchestrator.requestRuns(await toRunCall(c, deps, { caller, runId: runId.data, body: bytes }), context);
    });
  };
}
