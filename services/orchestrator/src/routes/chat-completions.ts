import { HEADERS } from '@rubot/contracts/headers';
import { type BaseEnv, deferSpanEnd } from '@rubot/http/base-app';
import { createDeadline, type Deadline } from '@rubot/http/deadline';
import { createSseResponse } from '@rubot/http/sse-response';
import type { Context, Handler } from 'hono';
import type { OrchestratorDeps } from '../deps.ts';
import type { Answer } from '../dispatch/answer.ts';
import { toCompletion } from '../dispatch/collect.ts';
import { holdStatus } from '../dispatch/hold-status.ts';
import { outliveReader } from '../dispatch/outlive-reader.ts';
import { type Envelope, toEnvelope, toFrames } from '../dispatch/stream.ts';
import { answerFromEvents } from '../runs/answer-from-events.ts';
import { beginRun } from '../runs/begin-run.ts';
import { executeRun } from '../runs/execute-run.ts';
import { followMoved } from '../runs/follow-moved.ts';
import type { Admitted } from '../runs/run-store.ts';
import { toRetries } from '../runs/work-on-run.ts';
import { admitRun } from './admit-run.ts';
import { type RunRequest, readRunRequest } from './run-request.ts';

/** An answer on its way to whoever asked for it. */
interface Reading {
  readonly runId: string;
  readonly answer: Answer;
  readonly deadline: Deadline;
  /** What the reader's leaving does. */
  readonly leave: (reason: Parameters<Deadline['abort']>[0]) => void;
}

/** `POST /v1/chat/completions`: a completion that is a run. */
export function createChatCompletionHandler(deps: OrchestratorDeps): Handler<BaseEnv> {
  return async function createChatCompletion(c) {
    const asked = await readRunRequest(c, deps, { isAwaited: true });
    const admitted = await admitRun(asked, deps);
    const reading = admitted.status === 'begun' ? answerInPlace(c, deps, asked, admitted) : answerFromElsewhere(c, deps, asked, admitted);
    const { request } = asked.run;
    const envelope = toEnvelope(reading.runId, request.model, Math.floor(Date.now() / 1_000));
    if (request.stream === true) return streamAnswer(c, deps, asked, reading, envelope);
    try {
      return c.json(await toCompletion(reading.answer, envelope));
    } finally {
      reading.deadline.clear();
    }
  };
}

/** This process has a slot for it, so that no word takes a way around. */
function answerInPlace(
  c: Context<BaseEnv>,
  deps: OrchestratorDeps,
  { run: accepted, eligible, grantedMs }: RunRequest,
  { writer, earlier }: Extract<Admitted, { status: 'begun' }>,
): Reading {
  const { signal: readerSignal } = c.req.raw;
  const { isBackground, runId, caller } = accepted;
  const deadline = createDeadline({ timeoutMs: accepted.timeoutMs, callerSignal: isBackground ? undefined : readerSignal });
  const retries = toRetries(accepted, 0, deps.maxRetries);
  const run = beginRun({ accepted: { ...accepted, earlier }, writer, deadline, span: c.get('span'), gateway: deps.gateway, retries });
  const execution = executeRun(run, eligible, deps);
  const answer = followMoved(isBackground ? outliveReader(execution, readerSignal) : execution, () =>
    answerFromEvents({
      ...toFollowing(deps),
      runId,
      owner: caller,
      signal: createDeadline({ timeoutMs: grantedMs, callerSignal: readerSignal }).signal,
    }),
  );
  return { runId, answer, deadline, leave: (reason) => (isBackground ? undefined : deadline.abort(reason)) };
}

/** It waits, is worked on by another process, or was answered before: its events say what it says. */
function answerFromElsewhere(
  c: Context<BaseEnv>,
  deps: OrchestratorDeps,
  { run, grantedMs }: RunRequest,
  admitted: Exclude<Admitted, { status: 'begun' }>,
): Reading {
  const isKnown = admitted.status === 'known';
  const runId = isKnown ? admitted.runId : run.runId;
  c.set('runId', runId);
  if (isKnown) c.header(HEADERS.idempotentReplayed, 'true');
  const deadline = createDeadline({ timeoutMs: grantedMs, callerSignal: c.req.raw.signal });
  if (!isKnown && !run.isBackground) cancelWith(deadline, deps, runId, run.caller);
  const signal = AbortSignal.any([deadline.signal, deps.lifecycle.signal]);
  const answer = answerFromEvents({ ...toFollowing(deps), runId, owner: run.caller, signal });
  return { runId, answer, deadline, leave: deadline.abort };
}

/** A run that nobody waits for any more does not need to be begun. */
function cancelWith(deadline: Deadline, { runs, logger }: OrchestratorDeps, runId: string, owner: RunRequest['run']['caller']): void {
  const cancel = () =>
    void runs.cancel(runId, owner, undefined).catch((error: unknown) => logger.log('run.left', { error }, { run_id: runId }));
  if (deadline.signal.aborted) cancel();
  else deadline.signal.addEventListener('abort', cancel, { once: true });
}

function toFollowing({ runs, config }: OrchestratorDeps): { runs: OrchestratorDeps['runs']; pollMs: number } {
  return { runs, pollMs: config.runs.eventsPollMs };
}

async function streamAnswer(
  c: Context<BaseEnv>,
  { config }: OrchestratorDeps,
  { run }: RunRequest,
  { answer, deadline, leave }: Reading,
  envelope: Envelope,
): Promise<Response> {
  const held = await holdStatus(answer, config.holdStatusMs);
  const span = deferSpanEnd(c);
  return createSseResponse({
    frames: toFrames(held, { envelope, includeUsage: run.request.stream_options?.include_usage === true }),
    heartbeatMs: config.heartbeatMs,
    onEnd(error) {
      // The stream may learn before the request does that its reader has left.
      if (error !== undefined) leave(error);
      deadline.clear();
      span.end({ ...(error === undefined ? {} : { error }), extra: { status: 200, route: '/v1/chat/completions' } });
    },
  });
}
