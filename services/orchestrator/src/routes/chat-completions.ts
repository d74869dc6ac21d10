import { ChatRequest } from '@rubot/contracts/chat-request';
import { HEADERS, parseAllowedAgents } from '@rubot/contracts/headers';
import { type BaseEnv, deferSpanEnd } from '@rubot/http/base-app';
import { readJsonBody } from '@rubot/http/body';
import { createDeadline, readGrantedMs } from '@rubot/http/deadline';
import { parseInput } from '@rubot/http/parse';
import { newRunId } from '@rubot/http/run-id';
import { createSseResponse } from '@rubot/http/sse-response';
import type { Context, Handler } from 'hono';
import { findEligible } from '../agents/eligible.ts';
import type { OrchestratorDeps } from '../deps.ts';
import type { Answer } from '../dispatch/answer.ts';
import { toCompletion } from '../dispatch/collect.ts';
import { holdStatus } from '../dispatch/hold-status.ts';
import { outliveReader } from '../dispatch/outlive-reader.ts';
import { type Envelope, toEnvelope, toFrames } from '../dispatch/stream.ts';
import { beginRun } from '../runs/begin-run.ts';
import { executeRun } from '../runs/execute-run.ts';
import type { Run } from '../runs/run.ts';
import type { NewRun } from '../runs/run-store.ts';
import { readCaller, readOnDisconnect, readRunId } from './caller.ts';

/** `POST /v1/chat/completions`: a completion that is a run. */
export function createChatCompletionHandler(deps: OrchestratorDeps): Handler<BaseEnv> {
  return async function createChatCompletion(c) {
    const { headers } = c.req.raw;
    const runId = readRunId(headers) ?? newRunId();
    c.set('runId', runId);
    const caller = readCaller(headers);
    const span = c.get('span');
    span.annotate({
      tenant_id: caller.tenantId,
      chat_source_session_id: caller.sessionId,
      sender_id: caller.senderId,
      run_id: runId,
    });
    const { value } = await readJsonBody(c.req.raw, { maxBytes: deps.config.maxBodyBytes });
    const request = parseInput(ChatRequest, value);
    const outlives = readOnDisconnect(headers) === 'continue';
    const allowedAgents = parseAllowedAgents(headers.get(HEADERS.allowedAgents));
    const eligible = findEligible(deps.directory, allowedAgents, request.model);
    const timeoutMs = toTimeoutMs(readGrantedMs(headers, deps.config.requestTimeoutMs));
    const accepted: NewRun = { runId, caller, request, allowedAgents, timeoutMs, traceId: span.traceId, spanId: span.spanId };
    const writer = await deps.runs.create(accepted);
    const deadline = createDeadline({ timeoutMs, callerSignal: outlives ? undefined : c.req.raw.signal });
    const run = beginRun({ accepted, writer, deadline, span });
    const execution = executeRun(run, eligible, deps);
    const answer = outlives ? outliveReader(execution, c.req.raw.signal) : execution;
    return request.stream === true ? streamAnswer(c, deps, run, answer, outlives) : c.json(await toCompletion(answer, toEnvelopeOf(run)));
  };
}

/** What is kept back of the time that the gateway grants: enough to tell it what came of the run before it gives up. */
const RESERVE_MS = 250;
const MAX_RESERVED_SHARE = 0.1;

function toTimeoutMs(grantedMs: number): number {
  return Math.floor(grantedMs - Math.min(RESERVE_MS, grantedMs * MAX_RESERVED_SHARE));
}

async function streamAnswer(
  c: Context<BaseEnv>,
  { config }: OrchestratorDeps,
  run: Run,
  answer: Answer,
  outlives: boolean,
): Promise<Response> {
  const held = await holdStatus(answer, config.holdStatusMs);
  const span = deferSpanEnd(c);
  return createSseResponse({
    frames: toFrames(held, { envelope: toEnvelopeOf(run), includeUsage: run.request.stream_options?.include_usage === true }),
    heartbeatMs: config.heartbeatMs,
    onEnd(error) {
      // The stream may learn before the request does that its reader has left.
      if (error !== undefined && !outlives) run.deadline.abort(error);
      span.end({ ...(error === undefined ? {} : { error }), extra: { status: 200, route: '/v1/chat/completions' } });
    },
  });
}

function toEnvelopeOf({ id, request }: Run): Envelope {
  return toEnvelope(id, request.model, Math.floor(Date.now() / 1_000));
}
