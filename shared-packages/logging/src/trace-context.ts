import { HEADERS } from '@rubot/contracts/headers';
import { toHex } from '@rubot/contracts/hex';
import { SpanId, TraceId } from '@rubot/contracts/ids';

/** Where a request stands in its trace before a span of ours has begun. */
export interface TraceContext {
  readonly traceId: string;
  /** The caller's span, when it told of one. */
  readonly parentSpanId: string | undefined;
}

const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$/;

/**
 * The trace a request belongs to: its `traceparent`, its `x-rubot-trace-id`, or a new one. Whatever is not
 * exactly an id is replaced and never echoed. Where the two name different traces, `x-rubot-trace-id` wins and the
 * foreign parent is dropped. https://www.w3.org/TR/trace-context/
 */
export function readTraceContext(headers: Headers): TraceContext {
  const parsed = parseTraceparent(headers.get(HEADERS.traceparent));
  const named = headers.get(HEADERS.traceId);
  if (named !== null && TraceId.safeParse(named).success && parsed?.traceId !== named) {
    return { traceId: named, parentSpanId: undefined };
  }
  return parsed ?? { traceId: newTraceId(), parentSpanId: undefined };
}

function parseTraceparent(value: string | null): TraceContext | undefined {
  const match = TRACEPARENT.exec(value ?? '');
  const [, traceId, parentSpanId] = match ?? [];
  if (traceId === undefined || !TraceId.safeParse(traceId).success) return undefined;
  if (parentSpanId === undefined || !SpanId.safeParse(parentSpanId).success) return undefined;
  return { traceId, parentSpanId };
}

/** The headers that carry a span to the next hop. */
export function toTraceHeaders(span: { readonly traceId: string; readonly spanId: string }): Record<string, string> {
  return {
    [HEADERS.traceparent]: `00-${span.traceId}-${span.spanId}-01`,
    [HEADERS.traceId]: span.traceId,
  };
}

export function newTraceId(): string {
  return randomHex(16);
}

export function newSpanId(): string {
  return randomHex(8);
}

function randomHex(byteCount: number): string {
  const bytes = crypto.getRandomValues(new Uint8Array(byteCount));
  // An all-zero id is invalid by the specification.
  bytes[0] = (bytes[0] ?? 0) | 1;
  return toHex(bytes);
}
