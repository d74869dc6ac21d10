import { ChatRequest } from '@rubot/contracts/chat-request';
import { readJsonBody } from '@rubot/http/body';
import { parseInput } from '@rubot/http/parse';
import { newRunId } from '@rubot/http/run-id';
import type { Context, Handler } from 'hono';
import type { CallContext } from '../clients/middleware.ts';
import type { GatewayEnv } from '../context.ts';
import type { GatewayDeps } from '../deps.ts';
import { toLinkingPage } from '../replies/linking-page.ts';
import { readPin } from '../replies/read-pin.ts';
import { replyToPin, replyToUnlinkedSender } from '../replies/unlinked-sender.ts';
import { resolveCaller } from '../sessions/resolve-caller.ts';
import { useLinkPin } from '../sessions/use-link-pin.ts';
import { toRunCall } from './forward.ts';
import { relayAnswer } from './relay-answer.ts';

/** `POST /v1/chat/completions` */
export function createChatCompletionHandler(deps: GatewayDeps): Handler<GatewayEnv> {
  const { config, orchestrator } = deps;

  return async function completeChat(c) {
    const { bytes, value } = await readJsonBody(c.req.raw, { maxBytes: config.maxBodyBytes });
    const request = parseInput(ChatRequest, value);
    return relayAnswer(c, deps, { timeoutMs: config.requestTimeoutMs }, async (context) => {
      const caller = await resolveCaller(c, deps, context);
      if (caller === undefined) return answerUnlinked(c, deps, { request, context });
      const call = await toRunCall(c, deps, { caller, runId: newRunId(), body: bytes });
      return request.stream === true ? orchestrator.streamCompletion(call, context) : orchestrator.complete(call, context);
    });
  };
}

interface UnlinkedRequest {
  readonly request: ChatRequest;
  readonly context: CallContext;
}

/** Nothing is asked of any agent: the sender is shown how to be linked, or is linked by the PIN that it has sent. */
async function answerUnlinked(c: Context<GatewayEnv>, deps: GatewayDeps, { request, context }: UnlinkedRequest): Promise<Response> {
  const page = toLinkingPage(deps.config.linkUrl, c.get('identity').sender_id);
  const pin = readPin(request);
  if (pin !== undefined) return replyToPin(request, page, await useLinkPin(c, deps, { pin, context }));
  context.span.log('sender.unlinked');
  return replyToUnlinkedSender(request, page);
}
