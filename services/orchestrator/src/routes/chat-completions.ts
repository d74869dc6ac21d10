import { type BaseEnv, deferSpanEnd } from '@rubot/http/base-app';
import { createSseResponse } from '@rubot/http/sse-response';
import type { Context, Handler } from 'hono';
import type { OrchestratorDeps } from '../deps.ts';
import { toCompletion } from '../dispatch/collect.ts';
import { holdStatus } from '../dispatch/hold-status.ts';
import { type Envelope, toEnvelope, toFrames } from '../dispatch/stream.ts';
import { admitRun } from './admit-run.ts';
import { type Reading, readAnswer } from './reading.ts';
import { type RunRequest, readRunRequest } from './run-request.ts';

/** `POST /v1/chat/completions`: a completion that is a run. */
export function createChatCompletionHandler(deps: OrchestratorDeps): Handler<BaseEnv> {
  return async function createChatCompletion(c) {
    const asked = await readRunRequest(c, deps, { isAwaited: true });
    const admitted = await admitRun(asked, deps);
    const reading = readAnswer(c, deps, asked, admitted);
    const { request } = asked.run;
    const envelope = toEnvelope(reading.runId, request.model, Math.floor(Date.now() / 1_000));
    if (request.stream === true) return streamAnswer(c, deps, asked, reading, envelope);
    try {
      return c.json(await toCompletion(reading.answer, envelope));
    } finally {
      reading.release();
    }
  };
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
    onEnd(error) {
      // The stream may learn before the request does that its reader has left.
      if (error !== undefined) leave(error);
      release();
      span.end({ ...(error === undefined ? {} : { error }), extra: { status: 200, route: '/v1/chat/completions' } });
    },
  });
}
