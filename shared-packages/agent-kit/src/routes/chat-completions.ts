import { STEPS_HELD } from '@rubot/contracts/agent';
import { ChatRequest } from '@rubot/contracts/chat-request';
import { HEADERS } from '@rubot/contracts/headers';
import { RubotError } from '@rubot/errors';
import { type BaseEnv, deferSpanEnd } from '@rubot/http/base-app';
import { readJsonBody } from '@rubot/http/body';
import { createDeadline, readGrantedMs } from '@rubot/http/deadline';
import { parseInput } from '@rubot/http/parse';
import { createSseResponse } from '@rubot/http/sse-response';
import type { Context, Handler } from 'hono';
import { createEnvelope } from '../answer/envelope.ts';
import { toCompletion } from '../answer/to-completion.ts';
import { toFrames } from '../answer/to-frames.ts';
import type { Agent } from '../define-agent.ts';
import type { AgentDeps } from '../deps.ts';
import type { AgentEvent } from '../run/agent-event.ts';
import type { AgentRun } from '../run/agent-run.ts';
import { createRunRecord } from '../run/run-record.ts';
import { runSteps } from '../run/run-steps.ts';
import { readCaller, toLogContext } from './caller.ts';

const HEARTBEAT_MS = 15_000;
/** What the orchestrator adds to the body of a client: the brief of a slice, with the answers of other agents in it. */
const BRIEF_BYTES = 262_144;

/** `POST /v1/chat/completions`: one answer of this agent, whole or as a stream. */
export function createChatCompletionHandler(agent: Agent, deps: AgentDeps): Handler<BaseEnv> {
  return async function createChatCompletion(c) {
    const caller = readCaller(c.req.raw.headers);
    c.set('runId', caller.runId);
    const span = c.get('span');
    span.annotate(toLogContext(caller));
    const { value } = await readJsonBody(c.req.raw, { maxBytes: deps.config.maxBodyBytes + BRIEF_BYTES });
    const request = parseInput(ChatRequest, value);
    if (caller.steps === 'held' && request.stream !== true) throw streamMissing();
    const deadline = createDeadline({
      timeoutMs: readGrantedMs(c.req.raw.headers, deps.config.requestTimeoutMs),
      callerSignal: c.req.raw.signal,
    });
    const run: AgentRun = { agent, deps, caller, request, span, deadline, record: createRunRecord({ agent, model: deps.model }) };
    if (request.stream === true) return streamAnswer(c, run);
    try {
      return c.json(await toCompletion(runSteps(run), createEnvelope(deps.model.specifier)));
    } finally {
      deadline.clear();
    }
  };
}

/** Calls that are held back can only be told in a stream; to run them instead is what the caller has ruled out. */
function streamMissing(): RubotError {
  return new RubotError('invalid_request', `Invalid value for 'stream': must be true with ${HEADERS.steps}: ${STEPS_HELD}.`, {
    param: 'stream',
  });
}

/** The status waits for the first event: a failure before it has a status of its own, one after it is a frame. */
async function streamAnswer(c: Context<BaseEnv>, run: AgentRun): Promise<Response> {
  const events = runSteps(run);
  const first = await events.next().catch((thrown: unknown) => {
    run.deadline.clear();
    throw thrown;
  });
  const span = deferSpanEnd(c);
  return createSseResponse({
    frames: toFrames(startWith(first, events), {
      envelope: createEnvelope(run.deps.model.specifier),
      includeUsage: run.request.stream_options?.include_usage === true,
      includeSteps: run.caller.steps !== 'none',
    }),
    heartbeatMs: HEARTBEAT_MS,
    onEnd(error) {
      if (error !== undefined) endEarly(run, events, error);
      run.deadline.clear();
      span.end({ ...(error === undefined ? {} : { error }), extra: { status: 200, route: '/v1/chat/completions' } });
    },
  });
}

/** The stream may learn before the request does that its reader has left, and before it has asked for a second event. */
function endEarly({ deadline }: AgentRun, events: AsyncGenerator<AgentEvent, void, undefined>, error: RubotError): void {
  deadline.abort(error);
  events.return().catch(ignoreKnownFailure);
}

// Whatever broke the run is what ended the stream.
function ignoreKnownFailure(): void {}

async function* startWith<Value>(
  first: IteratorResult<Value, void>,
  rest: AsyncGenerator<Value, void, undefined>,
): AsyncGenerator<Value, void, undefined> {
  if (first.done === true) return;
  yield first.value;
  yield* rest;
}
