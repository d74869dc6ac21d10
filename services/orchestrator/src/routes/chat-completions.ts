import { type BaseEnv, deferSpanEnd } from '@rubot/http/base-app';
import { createSseResponse } from '@rubot/http/sse-response';
import type { Context, Handler } from 'hono';
import type { OrchestratorDeps } from '../deps.ts';
import { toCompletion } from '../dispatch/collect.ts';
import { holdStatus } from '../dispatch/hold-status.ts';
import { type Envelope, toEnvelope, toFrames } from '../dispatch/stream.ts';
import { noticeFirstWords } from '../metrics/notice-first-words.ts';
import type { Admitted } from '../runs/run-store.ts';
import { admitRun } from './admit-run.ts';
import { admitWithinLimits } from './admit-within-limits.ts';
import { type Reading, readAnswer } from './reading.ts';
import { type RunRequest, readRunRequest } from './run-request.ts';

/** `POST /v1/chat/completions`: a completion that is a run. */
export function createChatCompletionHandler(deps: OrchestratorDeps): Handler<BaseEnv> {
  return async function createChatCompletion(c) {
    const arrivedAtMs = performance.now();
    const asked = await readRunRequest(c, deps, { isAwaited: true });
    const admitted = await admitWithinLimits(c, asked, deps, () => admitRun(asked, deps));
    const reading = readAnswer(c, deps, asked, admitted);
    const { request } = asked.run;
    const envelope = toEnvelope(reading.runId, request.model, createdAtOf(admitted));
    if (request.stream === true) {
      const answer = noticeFirstWords(reading.answer, () => tellFirstWords(deps.metrics, admitted, arrivedAtMs));
      return streamAnswer(c, deps, asked, { ...reading, answer }, envelope);
    }
    try {
      return c.json(await toCompletion(reading.answer, envelope));
    } finally {
      reading.release();
    }
  };
}

function createdAtOf(admitted: Admitted): number {
  const now = Math.floor(Date.now() / 1_000);
  return admitted.status === 'begun' ? now : (admitted.createdAtSeconds ?? now);
}

/** Of an answer that was given before, there is nothing to tell. */
function tellFirstWords({ runs }: OrchestratorDeps['metrics'], { status }: Admitted, arrivedAtMs: number): void {
  if (status !== 'known') runs.firstWords(status === 'begun' ? 'in_place' : 'from_events', (performance.now() - arrivedAtMs) / 1_000);
}

async function streamAnswer(
  c: Context<BaseEnv>,
  { config }: OrchestratorDeps,
  { run }: RunRequest,
  { answer, leave, release }: Reading,
  envelope: Envelope,
): Promise<Response> {
  const held = await holdStatus(answer, config.holdStatusMs);
  const span = deferSpanEnd(c);
  return createSseResponse({
    frames: toFrames(held, { envelope, includeUsage: run.request.stream_options?.include_usage === true }),
    heartbeatMs: config.heartbeatMs,
    stallTimeoutMs: config.slowReaderTimeoutMs,
    disconnect: c.env?.disconnect,
    onEnd(error) {
      // The stream may learn before the request does that its reader has left.
      if (error !== undefined) leave(error);
      release();
      span.end({ ...(error === undefined ? {} : { error }), extra: { status: 200, route: '/v1/chat/completions' } });
    },
  });
}
