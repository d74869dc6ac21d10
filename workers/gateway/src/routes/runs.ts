import { HEADERS } from '@rubot/contracts/headers';
import { RubotError } from '@rubot/errors';
import { deferSpanEnd } from '@rubot/http/base-app';
import { createDeadline, type Deadline } from '@rubot/http/deadline';
import { SSE_HEADERS } from '@rubot/http/sse-response';
import type { UpstreamAnswer } from '@rubot/http/upstream';
import type { Context, Handler } from 'hono';
import { type Caller, toCaller } from '../clients/orchestrator.ts';
import type { GatewayEnv } from '../context.ts';
import type { GatewayDeps } from '../deps.ts';
import { toLinkingPage } from '../replies/linking-page.ts';
import { relayEventStream } from '../streaming/relay-event-stream.ts';

const JSON_HEADERS = { 'content-type': 'application/json', 'cache-control': 'no-store' };
/** What a client may say of how it wants to read events; nothing else of its headers goes on. */
const FORWARDED = ['accept', HEADERS.lastEventId] as const;

/** All of `/v1/runs`: the orchestrator has the runs, and is told whose may be seen. */
export function forwardRunRequest(deps: GatewayDeps): Handler<GatewayEnv> {
  return async function forwardToRuns(c) {
    const deadline = createDeadline({ timeoutMs: deps.config.requestTimeoutMs, callerSignal: c.req.raw.signal });
    try {
      const caller = await resolveCaller(c, deps, deadline);
      const { pathname, search } = new URL(c.req.url);
      const method = c.req.method === 'POST' ? 'POST' : 'GET';
      const call = { caller, method, target: `${pathname}${search}`, headers: pickHeaders(c) } as const;
      const answer = await deps.orchestrator.requestRuns(call, { span: c.get('span'), deadline });
      if ('stream' in answer) return relay(c, answer.stream, deadline);
      deadline.clear();
      return new Response(answer.bytes, { headers: JSON_HEADERS });
    } catch (thrown) {
      deadline.clear();
      throw thrown;
    }
  };
}

async function resolveCaller(c: Context<GatewayEnv>, { sessions, config }: GatewayDeps, deadline: Deadline): Promise<Caller> {
  const identity = c.get('identity');
  const session = await sessions.resolve(identity, { span: c.get('span'), deadline });
  if (session.status === 'unlinked') {
    const page = toLinkingPage(config.linkUrl, identity.sender_id);
    throw new RubotError('forbidden', `This sender is not linked to a tenant. Link it at ${page}.`);
  }
  c.get('span').annotate({ tenant_id: session.tenant_id });
  return toCaller(identity, session);
}

function pickHeaders(c: Context<GatewayEnv>): Record<string, string> {
  const entries = FORWARDED.flatMap((name) => {
    const value = c.req.header(name);
    return value === undefined ? [] : [[name, value] as const];
  });
  return Object.fromEntries(entries);
}

function relay(c: Context<GatewayEnv>, { response, span }: UpstreamAnswer, deadline: Deadline): Response {
  const requestSpan = deferSpanEnd(c);
  const body = relayEventStream({
    upstream: response,
    deadline,
    onEnd(error) {
      deadline.clear();
      span.end(error === undefined ? {} : { error });
      requestSpan.end({ ...(error === undefined ? {} : { error }), extra: { status: 200, streamed: true } });
    },
  });
  return new Response(body, { headers: SSE_HEADERS });
}
