import type { PendingToolCall, RubotReport, Usage } from '@rubot/contracts/chat-response';
import { NO_USAGE } from '@rubot/contracts/chat-response';
import type { RunEvent, RunResource } from '@rubot/contracts/runs';
import { RubotError } from '@rubot/errors';
import { fromOpenAiErrorData } from '@rubot/errors/from-openai';
import type { Answer, AnswerEnd, AnswerPart } from '../dispatch/answer.ts';
import { toApprovalEnd } from '../dispatch/approval-notice.ts';
import { toFinalError } from '../dispatch/final-error.ts';
import { type EventPage, followEvents } from './follow-events.ts';
import type { RunOwner, RunStore } from './run-store.ts';

export interface AnswerFromEventsOptions {
  readonly runs: RunStore;
  readonly runId: string;
  readonly owner: RunOwner;
  readonly pollMs: number;
  /** Aborted with the reason for which the reader waits no longer. */
  readonly signal: AbortSignal;
}

const PAGE_SIZE = 200;

/**
 * The answer of a run that is worked on elsewhere, or was given already: what its events say from its last beginning on.
 *
 * @throws RubotError the run's own; `stream_interrupted` when it is begun again after it had said something; the signal's reason
 */
export async function* answerFromEvents(options: AnswerFromEventsOptions): Answer {
  const { runs, runId, owner, pollMs, signal } = options;
  const run = await runs.find(runId, owner);
  if (run === undefined) throw new RubotError('not_found', `The run ${runId} is not kept any more. Ask with another Idempotency-Key.`);
  const afterSeq = await runs.findLastSeq(runId, 'restart');
  const pages = followEvents({ runs, run, owner, afterSeq, pageSize: PAGE_SIZE, pollMs, signal });
  const told: Told = { hasSpoken: false, end: undefined };
  try {
    for (;;) {
      const { done, value } = await pages.next();
      if (done === true) return told.end ?? fail(value, signal);
      yield* tell(value, told, runId);
      const calls = await findPendingCalls(options, value);
      if (calls === undefined) continue;
      const { parts, end } = toApprovalEnd(runId, calls, told);
      yield* parts;
      return end;
    }
  } finally {
    await pages.return(run);
  }
}

interface Told {
  hasSpoken: boolean;
  end: AnswerEnd | undefined;
}

function* tell({ gap, events }: EventPage, told: Told, runId: string): Generator<AnswerPart, void, undefined> {
  if (gap !== undefined) throw notKept(runId);
  for (const event of events) {
    if (event.type === 'restart' && told.hasSpoken) throw begunAgain(runId);
    if (event.type !== 'chunk') continue;
    const end = toEnd(event);
    if (end === undefined) yield toPart(event);
    told.hasSpoken = true;
    told.end ??= end;
  }
}

/** A chunk is kept without its envelope, and nothing else is. */
function toPart({ data }: RunEvent): AnswerPart {
  return data as unknown as AnswerPart;
}

/** What the run waits for, where that is the last it has said, and still so: it may have gone on since. */
async function findPendingCalls(
  { runs, runId, owner }: AnswerFromEventsOptions,
  { events }: EventPage,
): Promise<readonly PendingToolCall[] | undefined> {
  if (events.at(-1)?.type !== 'requires_action') return undefined;
  const run = await runs.find(runId, owner);
  return run?.status === 'requires_action' ? run.required_action?.tool_calls : undefined;
}

/** What the last chunk of an answer says beside words. */
function toEnd({ data }: RunEvent): AnswerEnd | undefined {
  const { choices, usage, rubot } = data as { choices?: { finish_reason?: string | null }[]; usage?: Usage; rubot?: RubotReport };
  const finishReason = choices?.[0]?.finish_reason;
  if (finishReason === null || finishReason === undefined || rubot === undefined) return undefined;
  return { finishReason, report: rubot, usage: usage ?? NO_USAGE };
}

function fail({ id, status, error }: RunResource, signal: AbortSignal): never {
  if (signal.aborted) throw signal.reason;
  const reason = error === null ? undefined : fromOpenAiErrorData({ error });
  throw reason === undefined ? new RubotError('cancelled', `The run ${id} is ${status}; it has no answer.`) : toFinalError(reason);
}

function begunAgain(runId: string): RubotError {
  return new RubotError(
    'stream_interrupted',
    `The process that answered is gone, and another goes on. Read the answer at /v1/runs/${runId}/events.`,
  );
}

function notKept(runId: string): RubotError {
  return new RubotError('not_found', `The words of this answer are not kept any more. What came of it stands at /v1/runs/${runId}.`);
}
