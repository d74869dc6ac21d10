import type { PendingToolCall, RubotReport, Usage } from '@rubot/contracts/chat-response';
import { NO_USAGE } from '@rubot/contracts/chat-response';
import type { RunEvent, RunResource } from '@rubot/contracts/runs';
import { RubotError } from '@rubot/errors';
import { fromOpenAiErrorData } from '@rubot/errors/from-openai';
import { type Answer, type AnswerEnd, type AnswerPart, saysSomething } from '../dispatch/answer.ts';
import { toApprovalEnd } from '../dispatch/approval-notice.ts';
import { type EventPage, followEvents } from './follow-events.ts';
import type { RunOwner, RunStore } from './run-store.ts';

export interface AnswerFromEventsOptions {
  readonly runs: RunStore;
  readonly runId: string;
  readonly owner: RunOwner;
  readonly pollMs: number;
  /** True for a reader that is shown nothing before the end: of a run that is begun again it gets the new words alone. */
  readonly isWhole: boolean;
  /** Aborted with the reason for which the reader waits no longer. */
  readonly signal: AbortSignal;
}

const PAGE_SIZE = 16;

/**
 * The answer of a run that is worked on elsewhere, or was given already: what its events say from its last beginning on.
 *
 * @throws RubotError the run's own; `stream_interrupted` when it is begun again after its reader was told something; the signal's reason
 */
export async function* answerFromEvents(options: AnswerFromEventsOptions): Answer {
  const { runs, runId, owner, pollMs, isWhole, signal } = options;
  const run = await runs.find(runId, owner);
  if (run === undefined) throw new RubotError('not_found', `The run ${runId} is not kept any more. Ask with another Idempotency-Key.`);
  const afterSeq = await runs.findLastSeq(runId, 'restart');
  const pages = followEvents({ runs, run, owner, afterSeq, pageSize: PAGE_SIZE, pollMs, signal });
  const telling = createTelling(runId);
  try {
    for (;;) {
      const { done, value } = await pages.next();
      if (done === true) {
        const end = telling.end() ?? fail(value, signal);
        yield* telling.takeParts();
        return end;
      }
      telling.hear(value);
      const calls = await findPendingCalls(options, value);
      if (!isWhole || calls !== undefined) yield* telling.takeParts();
      if (calls === undefined) continue;
      const { parts, end } = toApprovalEnd(runId, calls, { hasSpoken: telling.hasSpoken() });
      yield* parts;
      return end;
    }
  } finally {
    await pages.return(run);
  }
}

/** What a reader is told of the events, since the last beginning. */
interface Telling {
  hear(page: EventPage): void;
  /** What is to be told and was not yet. */
  takeParts(): readonly AnswerPart[];
  /** Whether what was taken says anything. */
  hasSpoken(): boolean;
  end(): AnswerEnd | undefined;
}

function createTelling(runId: string): Telling {
  let parts: AnswerPart[] = [];
  let hasSpoken = false;
  let end: AnswerEnd | undefined;

  function hearChunk(event: RunEvent): void {
    const last = toEnd(event);
    end ??= last;
    if (last === undefined) parts.push(toPart(event));
  }

  return {
    hear({ gap, events }) {
      if (gap !== undefined) throw notKept(runId);
      for (const event of events) {
        if (event.type === 'restart' && hasSpoken) throw begunAgain(runId);
        if (event.type === 'restart') parts = [];
        if (event.type === 'chunk') hearChunk(event);
      }
    },
    takeParts() {
      const taken = parts;
      parts = [];
      hasSpoken ||= taken.some(saysSomething);
      return taken;
    },
    hasSpoken: () => hasSpoken,
    end: () => end,
  };
}

/** A chunk is kept without its envelope, and nothing else is. */
function toPart({ data }: RunEvent): AnswerPart {
  return data as unknown as AnswerPart;
}

/** What the run waits for, where nothing has happened since it came to wait but decisions on other calls. */
async function findPendingCalls(
  { runs, runId, owner }: AnswerFromEventsOptions,
  { events }: EventPage,
): Promise<readonly PendingToolCall[] | undefined> {
  const last = events.at(-1);
  if (last?.type !== 'requires_action' && last?.type !== 'approval') return undefined;
  const run = await runs.find(runId, owner);
  return run?.status === 'requires_action' && run.last_seq === last.seq ? run.required_action?.tool_calls : undefined;
}

/** What the last chunk of an answer says beside words. */
function toEnd({ data }: RunEvent): AnswerEnd | undefined {
  const { choices, usage, rubot } = data as { choices?: { finish_reason?: string | null }[]; usage?: Usage; rubot?: RubotReport };
  const finishReason = choices?.[0]?.finish_reason;
  if (finishReason === null || finishReason === undefined || rubot === undefined) return undefined;
  return { finishReason, report: rubot, usage: usage ?? NO_USAGE };
}

function fail({ id, status, error }: RunResource, signal: AbortSignal): never {
  // The run goes on, or was ended in the name of this reader: to ask again would begin another one.
  if (signal.aborted) throw RubotError.from(signal.reason).toFinal();
  const reason = error === null ? undefined : fromOpenAiErrorData({ error });
  throw reason === undefined ? new RubotError('cancelled', `The run ${id} is ${status}; it has no answer.`) : reason.toFinal();
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
