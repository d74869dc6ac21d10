import { RunId, TraceId } from '@rubot/contracts/ids';
import type { LogLine } from '@rubot/contracts/log';
import { RubotError } from '@rubot/errors';
import { buildTrace } from './build-trace.ts';
import type { Trace } from './trace.ts';

/** Where log lines are kept. Ids have been checked before they come here, so that they may stand in a query. */
export interface TraceSource {
  /** Names the store in a message, as in "the log store .rubot/logs/rubot.ndjson". */
  readonly name: string;
  /** Every line of one trace, in any order. */
  findLines(traceId: string): Promise<readonly LogLine[]>;
  /** The newest lines that mention an id, such as a run's; a few are enough. */
  findMentions(id: string): Promise<readonly LogLine[]>;
}

const CompletionId = /^chatcmpl-[A-Za-z0-9]{1,64}$/;

/** Whether a text can be looked up at all. */
export function isTraceLookupId(text: string): boolean {
  return TraceId.safeParse(text).success || RunId.safeParse(text).success || CompletionId.test(text);
}

/**
 * The trace of a trace id, a run id (`run_…`) or a completion id (`chatcmpl-…`); `undefined` when the store has no line of it.
 *
 * @throws RubotError `invalid_request` for a text that is none of the three, and whatever the store throws
 */
export async function loadTrace(source: TraceSource, id: string): Promise<Trace | undefined> {
  const traceId = await toTraceId(source, id);
  if (traceId === undefined) return undefined;
  const lines = await source.findLines(traceId);
  return lines.length === 0 ? undefined : buildTrace(traceId, lines);
}

async function toTraceId(source: TraceSource, id: string): Promise<string | undefined> {
  if (TraceId.safeParse(id).success) return id;
  if (!isTraceLookupId(id)) {
    throw new RubotError(
      'invalid_request',
      'That is no id of a trace (32 lower-case hex digits), of a run (run_…) or of a completion (chatcmpl-…).',
    );
  }
  const mentions = await source.findMentions(id);
  return mentions.find((line) => line.trace_id !== undefined && mentionsId(line, id))?.trace_id;
}

function mentionsId(line: LogLine, id: string): boolean {
  return line.run_id === id || Object.values(line.extra ?? {}).includes(id);
}
