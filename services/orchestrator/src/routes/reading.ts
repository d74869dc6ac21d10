import { RubotError } from '@rubot/errors';
import type { BaseEnv } from '@rubot/http/base-app';
import { createDeadline, type Deadline } from '@rubot/http/deadline';
import type { Context } from 'hono';
import type { OrchestratorDeps } from '../deps.ts';
import type { Answer } from '../dispatch/answer.ts';
import { outliveReader } from '../dispatch/outlive-reader.ts';
import { answerFromEvents } from '../runs/answer-from-events.ts';
import { beginRun } from '../runs/begin-run.ts';
import { executeRun } from '../runs/execute-run.ts';
import { followMoved } from '../runs/follow-moved.ts';
import type { Admitted } from '../runs/run-store.ts';
import { toRetries } from '../runs/work-on-run.ts';
import type { RunRequest } from './run-request.ts';

/** An answer on its way to whoever asked for it. */
export interface Reading {
  readonly runId: string;
  readonly answer: Answer;
  /** To be called when the stream of the answer has broken, for whatever reason: where it is its reader who left, a run of its own ends with it. */
  leave(reason: RubotError): void;
  /** To be called when the answer has ended. */
  release(): void;
}

export function readAnswer(c: Context<BaseEnv>, deps: OrchestratorDeps, asked: RunRequest, admitted: Admitted): Reading {
  if (admitted.status === 'begun') return readInPlace(c, deps, asked, admitted);
  if (admitted.status === 'queued') return followRun(c, deps, asked, { runId: asked.run.runId, isOwn: true });
  c.set('isReplay', true);
  return followRun(c, deps, asked, { runId: admitted.runId, isOwn: false });
}

/** This process has a slot for it, so that no word takes a way around. */
function readInPlace(
  c: Context<BaseEnv>,
  deps: OrchestratorDeps,
  asked: RunRequest,
  { writer, earlier }: Extract<Admitted, { status: 'begun' }>,
): Reading {
  const { signal: readerSignal } = c.req.raw;
  const { run: accepted, eligible } = asked;
  const { isBackground, runId, timeoutMs } = accepted;
  c.set('runId', runId);
  const askedAtMs = Date.now();
  const deadline = createDeadline({ timeoutMs, callerSignal: isBackground ? undefined : readerSignal });
  const retries = toRetries(accepted, 0, deps.maxRetries);
  const run = beginRun({ accepted: { ...accepted, earlier }, writer, deadline, span: c.get('span'), gateway: deps.gateway, retries });
  const execution = executeRun(run, eligible, deps);
  let elsewhere: Reading | undefined;
  const answer = followMoved(isBackground ? outliveReader(execution, readerSignal) : execution, () => {
    const leftMs = Math.max(0, asked.grantedMs - (Date.now() - askedAtMs));
    elsewhere = followRun(c, deps, { ...asked, grantedMs: leftMs }, { runId, isOwn: true });
    return elsewhere.answer;
  });
  return {
    runId,
    answer,
    leave(reason) {
      if (elsewhere !== undefined) elsewhere.leave(reason);
      else if (!isBackground) deadline.abort(reason);
    },
    release: () => elsewhere?.release(),
  };
}

interface Followed {
  readonly runId: string;
  /** False where an earlier request has begun the run. */
  readonly isOwn: boolean;
}

/** It waits, is worked on by another process, or was answered before: its events say what it says. */
function followRun(
  c: Context<BaseEnv>,
  deps: OrchestratorDeps,
  { run: { caller, isBackground, request }, grantedMs }: RunRequest,
  { runId, isOwn }: Followed,
): Reading {
  c.set('runId', runId);
  const deadline = createDeadline({ timeoutMs: grantedMs, callerSignal: c.req.raw.signal });
  if (isOwn && !isBackground) endWith(deadline, deps, runId, caller);
  const answer = answerFromEvents({
    runs: deps.runs,
    pollMs: deps.config.runs.eventsPollMs,
    runId,
    owner: caller,
    isWhole: request.stream !== true,
    signal: AbortSignal.any([deadline.signal, deps.lifecycle.closing]),
  });
  return {
    runId,
    answer,
    leave(reason) {
      // Everything else that breaks a stream leaves a run that can be read on.
      if (reason.code === 'cancelled') deadline.abort(reason);
    },
    release: deadline.clear,
  };
}

/** A run that nobody waits for any more does not need to be begun. */
function endWith({ signal }: Deadline, { runs, logger }: OrchestratorDeps, runId: string, owner: RunRequest['run']['caller']): void {
  function end(): void {
    const isOutOfTime = RubotError.from(signal.reason).code === 'deadline_exceeded';
    const ended = isOutOfTime ? runs.expire(runId, owner) : runs.cancel(runId, owner, undefined);
    ended.catch((error: unknown) => logger.log('run.left', { error }, { run_id: runId }));
  }
  if (signal.aborted) end();
  else signal.addEventListener('abort', end, { once: true });
}
