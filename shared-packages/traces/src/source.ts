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
  /** Lines that name a run, newest first; a few are enough. */
  findLinesOfRun(runId: string): Promise<readonly LogLine[]>;
}

/** Whether a text can be looked up at all. */
export function isTraceLookupId(text: string): boolean {
  return TraceId.safeParse(text).success || toRunId(text) !== undefined;
}

/**
 * The trace of a trace id, a run id (`run_…`) or a completion id (`chatcmpl-…`); `undefined` when the store has no line of it.
 *
 * @throws RubotError `invalid_request` for a text that is none of the three, and whatever the store throws
 */
export async function loadTrace(source: TraceSource, id: string): Promise<Trace | undefined> {
  const traceId = TraceId.safeParse(id).success ? id : await findTraceId(source, id);
  if (traceId === undefined) return undefined;
  const lines = await source.findLines(traceId);
  return lines.length === 0 ? undefined : buildTrace(traceId, lines);
}

async function findTraceId(source: TraceSource, id: string): Promise<string | undefined> {
  const runId = toRunId(id);
  if (runId === undefined) {
    throw new RubotError(
      'invalid_request',
      'That is no id of a trace (32 lower-case hex digits), of a run (run_…) or of a completion (chatcmpl-…).',
    );
  }
  const lines = await source.findLinesOfRun(runId);
  return lines.find((line) => line.trace_id !== undefined && line.run_id === runId)?.trace_id;
}

/** A completion is named after its run, so that whoever holds an answer can find out how it came about. */
function toRunId(id: string): string | undefined {
  return RunId.safeParse(id.replace(/^chatcmpl-/, 'run_')).data;
}
