import { BEARER_SCOPES } from '@rubot/contracts/bearer';
import { ChatRequest } from '@rubot/contracts/chat-request';
import { deferSpanEnd } from '@rubot/http/base-app';
import { readJsonBody } from '@rubot/http/body';
import { createDeadline, type Deadline } from '@rubot/http/deadline';
import { parseInput } from '@rubot/http/parse';
import { newRunId } from '@rubot/http/run-id';
import { SSE_HEADERS } from '@rubot/http/sse-response';
import type { Context, Handler } from 'hono';
import type { CompletionCall } from '../clients/orchestrator.ts';
import type { GatewayEnv } from '../context.ts';
import type { GatewayDeps } from '../deps.ts';
import { replyToUnlinkedSender } from '../replies/unlinked-sender.ts';
import { relayEventStream } from '../streaming/relay-event-stream.ts';

const JSON_HEADERS = { 'content-type': 'application/json', 'cache-control': 'no-store' };

/** `POST /v1/chat/completions` */
export function createChatCompletionHandler(deps: GatewayDeps): Handler<GatewayEnv> {
  const { config } = deps;

  return async function completeChat(c) {
    const body = await readJsonBody(c.req.raw, { maxBytes: config.maxBodyBytes });
    const request = parseInput(ChatRequest, body.value);
    const deadline = createDeadline({ timeoutMs: config.requestTimeoutMs, callerSignal: c.req.raw.signal });
    const span = c.get('span');

    const identity = c.get('identity');
    const session = await deps.sessions.resolve(identity, { span, deadline });
    if (session.status === 'unlinked') {
      deadline.clear();
      span.log('sender.unlinked');
      return replyToUnlinkedSender({ request, linkUrl: config.linkUrl, senderId: identity.sender_id });
    }

    const runId = newRunId();
    c.set('runId', runId);
    const caller = {
      tenantId: session.tenant_id,
      sessionId: identity.session_id,
      senderId: identity.sender_id,
      allowedAgents: session.allowed_agents,
    };
    span.annotate({ tenant_id: caller.tenantId, run_id: runId });
    const dataBearer = await deps.mintBearer({ ...caller, runId, scope: BEARER_SCOPES });
    const call = { caller, runId, dataBearer, body: body.bytes };
    return request.stream === true ? answerStream(c, deps, call, deadline) : answerWhole(c, deps, call, deadline);
  };
}

async function answerWhole(
  c: Context<GatewayEnv>,
  { orchestrator }: GatewayDeps,
  call: CompletionCall,
  deadline: Deadline,
): Promise<Response> {
  try {
    const { bytes, runId } = await orchestrator.complete(call, { span: c.get('span'), deadline });
    c.set('runId', runId);
    return new Response(bytes, { headers: JSON_HEADERS });
  } finally {
    deadline.clear();
  }
}

async function answerStream(
  c: Context<GatewayEnv>,
  { orchestrator }: GatewayDeps,
  call: CompletionCall,
  deadline: Deadline,
): Promise<Response> {
  try {
    const upstream = await orchestrator.streamCompletion(call, { span: c.get('span'), deadline });
    const requestSpan = deferSpanEnd(c);
    const body = relayEventStream({
      upstream: upstream.response,
      deadline,
      onEnd(error) {
        deadline.clear();
        upstream.span.end(error === undefined ? {} : { error });
        requestSpan.end({ ...(error === undefined ? {} : { error }), extra: { status: 200, streamed: true } });
      },
    });
    c.set('runId', upstream.runId);
    return new Response(body, { headers: SSE_HEADERS });
  } catch (error) {
    deadline.clear();
    throw error;
  }
}
