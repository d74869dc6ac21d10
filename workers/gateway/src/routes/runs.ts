import { ChatRequest } from '@rubot/contracts/chat-request';
import { readJsonBody } from '@rubot/http/body';
import { parseInput } from '@rubot/http/parse';
import { newRunId } from '@rubot/http/run-id';
import type { Handler } from 'hono';
import type { GatewayEnv } from '../context.ts';
import type { GatewayDeps } from '../deps.ts';
import { requireCaller } from '../sessions/resolve-caller.ts';
import { toForwardedCall, toRunCall } from './forward.ts';
import { relayAnswer } from './relay-answer.ts';

/** `POST /v1/runs`: a completion that nobody waits for. */
export function createRunHandler(deps: GatewayDeps): Handler<GatewayEnv> {
  const { config, orchestrator } = deps;

  return async function createRun(c) {
    const { bytes, value } = await readJsonBody(c.req.raw, { maxBytes: config.maxBodyBytes });
    parseInput(ChatRequest, value);
    return relayAnswer(c, deps, { timeoutMs: config.requestTimeoutMs }, async (context) => {
      const caller = await requireCaller(c, deps, context);
      return orchestrator.requestRuns(await toRunCall(c, deps, { caller, runId: newRunId(), body: bytes }), context);
    });
  };
}

/** What needs no more than to be asked: a run, a page of runs, the end of a run. The orchestrator has the runs, and is told whose may be seen. */
export function forwardRunRequest(deps: GatewayDeps): Handler<GatewayEnv> {
  const { config, orchestrator } = deps;

  return function forwardToRuns(c) {
    return relayAnswer(c, deps, { timeoutMs: config.requestTimeoutMs }, async (context) =>
      orchestrator.requestRuns(toForwardedCall(c, await requireCaller(c, deps, context)), context),
    );
  };
}
