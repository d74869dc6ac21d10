import type { LogLine } from '@rubot/contracts/log';
import type { TraceEvent } from './trace.ts';

/** The line that a span wrote when it ended. */
export interface SpanLine extends LogLine {
  readonly span_id: string;
  readonly duration_ms: number;
}

export interface SplitLines {
  /** One a span, earliest first. */
  readonly spanLines: readonly SpanLine[];
  /** All other lines, once each, earliest first. */
  readonly events: readonly TraceEvent[];
}

/** Tells spans from what was said inside them. A drain may deliver a line twice; it counts once. */
export function splitLines(lines: readonly LogLine[]): SplitLines {
  const picked = pickSpanLines(lines);
  return {
    spanLines: [...picked.values()].sort(compareSpans),
    events: pickEvents(lines, picked),
  };
}

/** Unix milliseconds on the clock of the host that wrote the line. */
export function toStartMs(line: SpanLine): number {
  return Date.parse(line.timestamp) - line.duration_ms;
}

/** To the millisecond many spans begin together, and no store promises an order; the id makes every store show the same. */
function compareSpans(left: SpanLine, right: SpanLine): number {
  const byTime = toStartMs(left) - toStartMs(right) || Date.parse(left.timestamp) - Date.parse(right.timestamp);
  return byTime !== 0 ? byTime : left.span_id.localeCompare(right.span_id);
}

/** Of several lines with a duration under one span id, the one that names its kind is the end of the span. */
function pickSpanLines(lines: readonly LogLine[]): ReadonlyMap<string, SpanLine> {
  const picked = new Map<string, SpanLine>();
  for (const line of lines.filter(isSpanLine)) {
    const known = picked.get(line.span_id);
    if (known === undefined || (!namesKind(known) && namesKind(line))) picked.set(line.span_id, line);
  }
  return picked;
}

function isSpanLine(line: LogLine): line is SpanLine {
  return line.span_id !== undefined && line.duration_ms !== undefined;
}

function namesKind(line: LogLine): boolean {
  return line.extra?.['span_kind'] !== undefined;
}

function pickEvents(lines: readonly LogLine[], picked: ReadonlyMap<string, SpanLine>): readonly TraceEvent[] {
  const unique = new Map<string, TraceEvent>();
  for (const line of lines) {
    if (isEndOf(line, picked.get(line.span_id ?? ''))) continue;
    unique.set([line.timestamp, line.service, line.span_id, line.event_type].join(' '), toEvent(line));
  }
  return [...unique.values()].sort((left, right) => Date.parse(left.timestamp) - Date.parse(right.timestamp));
}

function isEndOf(line: LogLine, span: SpanLine | undefined): boolean {
  return span !== undefined && line.event_type === span.event_type && line.duration_ms === span.duration_ms;
}

function toEvent(line: LogLine): TraceEvent {
  return {
    spanId: line.span_id,
    service: line.service,
    event: line.event_type,
    message: line.message,
    level: line.log_level,
    timestamp: line.timestamp,
    error: line.error,
    agent: line.agent,
  };
}
