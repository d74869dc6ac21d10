import { ChatRequest } from '@rubot/contracts/chat-request';
import { readJsonBody } from '@rubot/http/body';
import { parseInput } from '@rubot/http/parse';
import { newRunId } from '@rubot/http/run-id';
import type { Handler } from 'hono';
import { toCaller } from '../clients/orchestrator.ts';
import type { GatewayEnv } from '../context.ts';
import type { GatewayDeps } from '../deps.ts';
import { replyToUnlinkedSender } from '../replies/unlinked-sender.ts';
import { toRunCall } from './forward.ts';
import { relayAnswer } from './relay-answer.ts';

/** `POST /v1/chat/completions` */
export function createChatCompletionHandler(deps: GatewayDeps): Handler<GatewayEnv> {
  const { config, sessions, orchestrator } = deps;

  return async function completeChat(c) {
    const { bytes, value } = await readJsonBody(c.req.raw, { maxBytes: config.maxBodyBytes });
    const request = parseInput(ChatRequest, value);
    return relayAnswer(c, { timeoutMs: config.requestTimeoutMs }, async (context) => {
      const identity = c.get('identity');
      const session = await sessions.resolve(identity, context);
      if (session.status === 'unlinked') {
        context.span.log('sender.unlinked');
        return replyToUnlinkedSender({ request, linkUrl: config.linkUrl, senderId: identity.sender_id });
      }
      const call = await toRunCall(c, deps, { caller: toCaller(identity, session), runId: newRunId(), body: bytes });
      return request.stream === true ? orchestrator.streamCompletion(call, context) : orchestrator.complete(call, context);
    });
  };
}
