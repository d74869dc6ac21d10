import type { Handler } from 'hono';
import type { GatewayEnv } from '../context.ts';
import type { GatewayDeps } from '../deps.ts';
import { requireCaller } from '../sessions/resolve-caller.ts';
import { toForwardedCall } from './forward.ts';
import { relayAnswer } from './relay-answer.ts';

/** `GET /v1/runs/:runId/events`: a run may take hours, and so may a stream of what happens in it; a page does not. */
export function readRunEventsHandler(deps: GatewayDeps): Handler<GatewayEnv> {
  const { config, orchestrator } = deps;
  const limits = { timeoutMs: config.requestTimeoutMs, maxSilenceMs: config.eventsSilenceMs };

  return function readRunEvents(c) {
    return relayAnswer(c, deps, limits, async (context) =>
      orchestrator.readRunEvents(toForwardedCall(c, await requireCaller(c, deps, context)), context),
    );
  };
}
