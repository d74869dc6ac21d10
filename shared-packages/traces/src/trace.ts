import type { LogLevel, LogLine, SpanKind } from '@rubot/contracts/log';

/** The service whose server span begins every trace. */
export const GATEWAY_SERVICE = 'rubot-gateway';

/** What the names of all our services begin with; calls to other peers have no span on the far side. */
export const OWN_SERVICE_PREFIX = 'rubot-';

export interface Tokens {
  readonly input: number;
  readonly output: number;
}

/** A line without a duration: something that was said inside a span. */
export interface TraceEvent {
  readonly spanId: string | undefined;
  readonly service: string;
  readonly event: string;
  readonly message: string;
  readonly level: LogLevel;
  readonly timestamp: string;
  readonly error: LogLine['error'];
  readonly agent: LogLine['agent'];
}

export interface TraceSpan {
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly service: string;
  readonly kind: SpanKind;
  readonly name: string;
  readonly event: string;
  /** For a client span: the service that was called. */
  readonly peer: string | undefined;
  /** From the start of the trace, on the clock of the caller. */
  readonly startMs: number;
  readonly durationMs: number;
  /** How far the span was moved so that it lies inside its caller: what this host's clock is off. */
  readonly clockShiftMs: number;
  readonly status: number | undefined;
  readonly model: string | undefined;
  readonly error: LogLine['error'];
  /** Of this span and of all under it. */
  readonly tokens: Tokens;
  readonly events: readonly TraceEvent[];
  readonly children: readonly TraceSpan[];
}

/** A span or a line that failed. */
export interface TraceFailure {
  readonly spanId: string | undefined;
  readonly service: string;
  readonly name: string;
  readonly code: string;
  readonly message: string;
  readonly detail: string | undefined;
}

export interface Trace {
  readonly traceId: string;
  readonly startedAt: string;
  readonly durationMs: number;
  readonly services: readonly string[];
  readonly tenantId: string | undefined;
  readonly sessionId: string | undefined;
  readonly senderId: string | undefined;
  readonly runId: string | undefined;
  readonly tokens: Tokens;
  /** Causes before consequences: a failing span stands before the callers that failed because of it. */
  readonly failures: readonly TraceFailure[];
  /** More than one when a parent is missing. */
  readonly roots: readonly TraceSpan[];
  /** Lines that belong to no finished span of the trace. */
  readonly looseEvents: readonly TraceEvent[];
}

export interface WalkedSpan {
  readonly span: TraceSpan;
  readonly depth: number;
  readonly caller: TraceSpan | undefined;
}

/** Every span, callers before the called. */
export function* walkSpans(spans: readonly TraceSpan[], caller?: TraceSpan, depth = 0): Generator<WalkedSpan, void, undefined> {
  for (const span of spans) {
    yield { span, depth, caller };
    yield* walkSpans(span.children, span, depth + 1);
  }
}
