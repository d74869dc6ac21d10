import { type TraceEvent, type TraceFailure, type TraceSpan, walkSpans } from './trace.ts';

/** Causes first: an error travels up through every caller, so the span without a failing child is where it began. */
export function findFailures(roots: readonly TraceSpan[], looseEvents: readonly TraceEvent[]): readonly TraceFailure[] {
  const spans = [...walkSpans(roots)].map(({ span }) => span);
  const failing = spans.filter((span) => span.error !== undefined);
  const causes = failing.filter((span) => !hasFailureUnder(span));
  const consequences = failing.filter((span) => hasFailureUnder(span)).reverse();
  const events = [...spans.flatMap((span) => span.events), ...looseEvents].filter(isFailure);
  return [...causes.map(toSpanFailure), ...events.map(toEventFailure), ...consequences.map(toSpanFailure)];
}

function hasFailureUnder(span: TraceSpan): boolean {
  return span.children.some((child) => child.error !== undefined || hasFailureUnder(child));
}

function isFailure(event: TraceEvent): boolean {
  return event.error !== undefined || event.level === 'error';
}

function toSpanFailure(span: TraceSpan): TraceFailure {
  return {
    spanId: span.spanId,
    service: span.service,
    name: span.name,
    code: span.error?.code ?? 'internal',
    message: span.error?.message ?? '',
    detail: span.error?.detail,
  };
}

function toEventFailure(event: TraceEvent): TraceFailure {
  return {
    spanId: event.spanId,
    service: event.service,
    name: event.event,
    code: event.error?.code ?? event.level,
    message: event.error?.message ?? event.message,
    detail: event.error?.detail,
  };
}
