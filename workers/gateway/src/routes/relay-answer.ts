import { deferSpanEnd } from '@rubot/http/base-app';
import { createDeadline, type Deadline } from '@rubot/http/deadline';
import { SSE_HEADERS } from '@rubot/http/sse-response';
import type { Context } from 'hono';
import { watchAccess } from '../access/watch-access.ts';
import type { CallContext } from '../clients/middleware.ts';
import type { StreamAnswer, WholeAnswer } from '../clients/orchestrator.ts';
import type { GatewayEnv } from '../context.ts';
import type { GatewayDeps } from '../deps.ts';
import { relayEventStream } from '../streaming/relay-event-stream.ts';

export interface RelayLimits {
  /** Until the answer is whole. */
  readonly timeoutMs: number;
  /** Given for a stream that may go on for hours: once it has begun, only this long a silence ends it. */
  readonly maxSilenceMs?: number;
}

type Ask = (context: CallContext) => Promise<WholeAnswer | StreamAnswer | Response>;

const JSON_HEADERS = { 'content-type': 'application/json', 'cache-control': 'no-store' };

/**
 * Gives the client what the orchestrator answers, for as long as the client has access. A stream takes the deadline and the watch along,
 * and clears them at its end.
 */
export async function relayAnswer(c: Context<GatewayEnv>, deps: GatewayDeps, limits: RelayLimits, ask: Ask): Promise<Response> {
  const deadline = createDeadline({ timeoutMs: limits.timeoutMs, callerSignal: c.req.raw.signal });
  const stopWatching = watchAccess(c, deps, deadline);

  function clear(): void {
    stopWatching();
    deadline.clear();
  }

  try {
    const answer = await ask({ span: c.get('span'), deadline });
    if ('stream' in answer) return relayStream(c, answer, { deadline, clear, maxSilenceMs: limits.maxSilenceMs });
    clear();
    return answer instanceof Response ? answer : new Response(answer.bytes, { status: answer.status, headers: JSON_HEADERS });
  } catch (thrown) {
    clear();
    throw thrown;
  }
}

interface StreamLimits {
  readonly deadline: Deadline;
  readonly clear: () => void;
  readonly maxSilenceMs: number | undefined;
}

function relayStream(
  c: Context<GatewayEnv>,
  { stream: { response, span } }: StreamAnswer,
  { deadline, clear, maxSilenceMs }: StreamLimits,
): Response {
  if (maxSilenceMs !== undefined) deadline.lift();
  const requestSpan = deferSpanEnd(c);
  const body = relayEventStream({
    upstream: response,
    deadline,
    maxSilenceMs,
    onEnd(error) {
      const failure = error === undefined ? {} : { error };
      clear();
      span.end(failure);
      requestSpan.end({ ...failure, extra: { status: response.status, streamed: true } });
    },
  });
  return new Response(body, { status: response.status, headers: SSE_HEADERS });
}
