import { ChatRequest } from '@rubot/contracts/chat-request';
import { HEADERS, parseAllowedAgents } from '@rubot/contracts/headers';
import { type BaseEnv, deferSpanEnd } from '@rubot/http/base-app';
import { readJsonBody } from '@rubot/http/body';
import { createDeadline, type Deadline } from '@rubot/http/deadline';
import { parseInput } from '@rubot/http/parse';
import { newRunId } from '@rubot/http/run-id';
import { createSseResponse } from '@rubot/http/sse-response';
import type { Context, Handler } from 'hono';
import { findEligible } from '../agents/eligible.ts';
import type { OrchestratorDeps } from '../deps.ts';
import type { Answer } from '../dispatch/answer.ts';
import { toCompletion } from '../dispatch/collect.ts';
import { holdStatus } from '../dispatch/hold-status.ts';
import { type Envelope, toFrames } from '../dispatch/stream.ts';
import { executeRun } from '../runs/execute-run.ts';
import type { Run } from '../runs/run.ts';
import { readCaller, readRunId } from './caller.ts';

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
    const eligible = findEligible(deps.directory, parseAllowedAgents(headers.get(HEADERS.allowedAgents)), request.model);
    await deps.runs.create({
      runId,
      tenantId: caller.tenantId,
      sessionId: caller.sessionId,
      senderId: caller.senderId,
      model: request.model,
    });
    const run: Run = { id: runId, caller, request, span, deadline: startDeadline(c, deps) };
    const answer = executeRun(run, eligible, deps);
    return request.stream === true ? streamAnswer(c, deps, run, answer) : c.json(await toCompletion(answer, toEnvelope(run)));
  };
}

/** What is kept back of the time that the gateway grants: enough to tell it what came of the run before it gives up. */
const RESERVE_MS = 250;
const MAX_RESERVED_SHARE = 0.1;

function startDeadline(c: Context<BaseEnv>, { config }: OrchestratorDeps): Deadline {
  const granted = Number(c.req.header(HEADERS.timeoutMs) ?? Number.NaN);
  const grantedMs = Number.isFinite(granted) && granted >= 0 ? Math.min(granted, config.requestTimeoutMs) : config.requestTimeoutMs;
  const timeoutMs = grantedMs - Math.min(RESERVE_MS, grantedMs * MAX_RESERVED_SHARE);
  return createDeadline({ timeoutMs: Math.floor(timeoutMs), callerSignal: c.req.raw.signal });
}

async function streamAnswer(c: Context<BaseEnv>, { config }: OrchestratorDeps, run: Run, answer: Answer): Promise<Response> {
  const held = await holdStatus(answer, config.holdStatusMs);
  const span = deferSpanEnd(c);
  return createSseResponse({
    frames: toFrames(held, { envelope: toEnvelope(run), includeUsage: run.request.stream_options?.include_usage === true }),
    heartbeatMs: config.heartbeatMs,
    onEnd(error) {
      // The stream may learn before the request does that its reader has left.
      if (error !== undefined) run.deadline.abort(error);
      span.end({ ...(error === undefined ? {} : { error }), extra: { status: 200, route: '/v1/chat/completions' } });
    },
  });
}

function toEnvelope({ id, request }: Run): Envelope {
  return { id: id.replace(/^run_/, 'chatcmpl-'), model: request.model, created: Math.floor(Date.now() / 1_000) };
}
