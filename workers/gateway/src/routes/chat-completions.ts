import { BEARER_SCOPES } from '@rubot/contracts/bearer';
import { ChatRequest } from '@rubot/contracts/chat-request';
import { HEADERS } from '@rubot/contracts/headers';
import { deferSpanEnd } from '@rubot/http/base-app';
import { readJsonBody } from '@rubot/http/body';
import { createDeadline, type Deadline } from '@rubot/http/deadline';
import { parseInput } from '@rubot/http/parse';
import { newRunId } from '@rubot/http/run-id';
import { SSE_HEADERS } from '@rubot/http/sse-response';
import type { Context, Handler } from 'hono';
import { type CompletionCall, toCaller } from '../clients/orchestrator.ts';
import type { GatewayEnv } from '../context.ts';
import type { GatewayDeps } from '../deps.ts';
import { replyToUnlinkedSender } from '../replies/unlinked-sender.ts';
import { relayEventStream } from '../streaming/relay-event-stream.ts';

const JSON_HEADERS = { 'content-type': 'application/json', 'cache-control': 'no-store' };

/** `POST /v1/chat/completions` */
export function createChatCompletionHandler(deps: GatewayDeps): Handler<GatewayEnv> {
  return async function completeChat(c) {
    const { bytes, value } = await readJsonBody(c.req.raw, { maxBytes: deps.config.maxBodyBytes });
    const request = parseInput(ChatRequest, value);
    const deadline = createDeadline({ timeoutMs: deps.config.requestTimeoutMs, callerSignal: c.req.raw.signal });
    try {
      return await answer(c, deps, request, bytes, deadline);
    } finally {
      // A stream goes on after this, and clears the deadline at its end.
      if (c.get('spanIsDeferred') !== true) deadline.clear();
    }
  };
}

async function answer(
  c: Context<GatewayEnv>,
  deps: GatewayDeps,
  request: ChatRequest,
  body: Uint8Array<ArrayBuffer>,
  deadline: Deadline,
): Promise<Response> {
  const span = c.get('span');
  const identity = c.get('identity');
  const session = await deps.sessions.resolve(identity, { span, deadline });
  if (session.status === 'unlinked') {
    span.log('sender.unlinked');
    return replyToUnlinkedSender({ request, linkUrl: deps.config.linkUrl, senderId: identity.sender_id });
  }
  const runId = newRunId();
  c.set('runId', runId);
  const caller = toCaller(identity, session);
  span.annotate({ tenant_id: caller.tenantId, run_id: runId });
  const dataBearer = await deps.mintBearer({ ...caller, runId, scope: BEARER_SCOPES });
  const call = { caller, runId, dataBearer, onDisconnect: c.req.header(HEADERS.onDisconnect), body };
  return request.stream === true ? answerStream(c, deps, call, deadline) : answerWhole(c, deps, call, deadline);
}

async function answerWhole(
  c: Context<GatewayEnv>,
  { orchestrator }: GatewayDeps,
  call: CompletionCall,
  deadline: Deadline,
): Promise<Response> {
  const { bytes, runId } = await orchestrator.complete(call, { span: c.get('span'), deadline });
  c.set('runId', runId);
  return new Response(bytes, { headers: JSON_HEADERS });
}

async function answerStream(
  c: Context<GatewayEnv>,
  { orchestrator }: GatewayDeps,
  call: CompletionCall,
  deadline: Deadline,
): Promise<Response> {
  const upstream = await orchestrator.streamCompletion(call, { span: c.get('span'), deadline });
  c.set('runId', upstream.runId);
  const requestSpan = deferSpanEnd(c);
  const body = relayEventStream({
    upstream: upstream.response,
    deadline,
    onEnd(error) {
      const failure = error === undefined ? {} : { error };
      deadline.clear();
      upstream.span.end(failure);
      requestSpan.end({ ...failure, extra: { status: 200, streamed: true } });
    },
  });
  return new Response(body, { headers: SSE_HEADERS });
}
