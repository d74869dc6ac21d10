import { checkCompleteness } from './check-completeness.ts';
import { type Trace, walkSpans } from './trace.ts';

/** The trace for programs: names as in the log envelope, spans as a flat list with the called after their callers. */
export function toJson(trace: Trace) {
  const problems = checkCompleteness(trace);
  return {
    trace_id: trace.traceId,
    started_at: trace.startedAt,
    duration_ms: trace.durationMs,
    complete: problems.length === 0,
    problems,
    services: trace.services,
    tenant_id: trace.tenantId,
    chat_source_session_id: trace.sessionId,
    sender_id: trace.senderId,
    run_id: trace.runId,
    input_tokens: trace.tokens.input,
    output_tokens: trace.tokens.output,
    failures: trace.failures.map(({ spanId, ...failure }) => ({ span_id: spanId, ...failure })),
    spans: [...walkSpans(trace.roots)].map(({ span, depth }) => ({
      span_id: span.spanId,
      parent_span_id: span.parentSpanId,
      depth,
      service: span.service,
      span_kind: span.kind,
      span_name: span.name,
      event_type: span.event,
      peer: span.peer,
      start_ms: span.startMs,
      duration_ms: span.durationMs,
      clock_shift_ms: span.clockShiftMs,
      status: span.status,
      model: span.model,
      input_tokens: span.tokens.input,
      output_tokens: span.tokens.output,
      error: span.error,
    })),
  };
}
