import { MAX_TOOL_RESULT_CHARACTERS } from '@rubot/contracts/data';
import type { ErrorCode } from '@rubot/contracts/error';
import { RubotError } from '@rubot/errors';
import { toReason } from '@rubot/http/deadline';
import type { Span } from '@rubot/logging/span';
import type { AgentRun } from '../run/agent-run.ts';

export interface ToolUse {
  readonly name: string;
  readonly toolCallId: string;
}

/** Failures that a model can mend by calling again in another way. Every other one ends the run. */
const FOR_THE_MODEL: ReadonlySet<ErrorCode> = new Set(['invalid_request', 'not_found', 'conflict', 'payload_too_large']);

/**
 * One tool call: its span, its place in the record, and what its failure means. What the model can act on is thrown to
 * the AI SDK, which shows the model the message; anything else ends the run, as an answer that hides a dead database
 * behind polite words would look like a success.
 */
export async function runTool(run: AgentRun, { name, toolCallId }: ToolUse, work: (span: Span) => unknown): Promise<unknown> {
  const span = run.span.child({ event: 'tool.completed', name: `tool ${name}`, kind: 'internal' });
  const startedAtMs = Date.now();
  try {
    const result = await work(span);
    assertReadable(result);
    span.end({ extra: { tool: name, tool_call_id: toolCallId } });
    run.record.toolEnded({ name, duration_ms: Date.now() - startedAtMs, ok: true });
    return result;
  } catch (thrown) {
    const failure = RubotError.from(toReason(thrown, run.deadline));
    span.end({ error: failure, extra: { tool: name, tool_call_id: toolCallId } });
    run.record.toolEnded({ name, duration_ms: Date.now() - startedAtMs, ok: false });
    if (!FOR_THE_MODEL.has(failure.code)) run.deadline.abort(failure);
    // The SDK shows the model the name of the error as well: with this one it reads as in a journal.
    throw new Error(failure.message, { cause: failure });
  }
}

function assertReadable(result: unknown): void {
  const length = JSON.stringify(result)?.length ?? 0;
  if (length <= MAX_TOOL_RESULT_CHARACTERS) return;
  throw new RubotError(
    'payload_too_large',
    `The result has ${length} characters, more than the ${MAX_TOOL_RESULT_CHARACTERS} that can be read. Ask for fewer rows or columns.`,
  );
}
