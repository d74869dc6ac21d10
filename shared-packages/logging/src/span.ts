import type { SpanKind } from '@rubot/contracts/log';
import type { EventTable } from './events.ts';
import type { LogContext, LogFields, Logger } from './logger.ts';
import { newSpanId } from './trace-context.ts';

/** A timed piece of one trace. It writes one line, when it ends. */
export interface Span {
  readonly traceId: string;
  readonly spanId: string;
  /** Adds to what this span, and every span begun under it from now on, says of itself. */
  annotate(context: LogContext): void;
  /** A line of its own inside this span, without a duration. */
  log(event: string, fields?: LogFields): void;
  child(options: ChildSpanOptions): Span;
  /** Writes the line; a second call does nothing, so that a `finally` may stand behind an early end. */
  end(fields?: LogFields): void;
}

export interface ChildSpanOptions {
  /** The event that the end of the span is logged as. */
  readonly event: string;
  /** What the waterfall calls it, such as `POST /v1/chat/completions`. */
  readonly name: string;
  readonly kind: SpanKind;
  readonly component?: string;
  /** For a client span: the service that is called. */
  readonly peer?: string;
}

export interface StartSpanOptions extends ChildSpanOptions {
  readonly logger: Logger<EventTable>;
  readonly traceId: string;
  readonly parentSpanId: string | undefined;
  readonly context?: LogContext;
  readonly now?: () => number;
}

export function startSpan({ logger, traceId, parentSpanId, context = {}, now = Date.now, ...options }: StartSpanOptions): Span {
  const spanId = newSpanId();
  const startedAtMs = now();
  let ended = false;
  let annotations: LogContext = context;

  function ownContext(): LogContext {
    return {
      ...annotations,
      component: options.component ?? annotations.component,
      trace_id: traceId,
      span_id: spanId,
      parent_span_id: parentSpanId,
    };
  }

  return {
    traceId,
    spanId,
    annotate(added) {
      annotations = { ...annotations, ...added };
    },
    log(event, fields) {
      logger.log(event, fields, ownContext());
    },
    child(childOptions) {
      return startSpan({ logger, traceId, parentSpanId: spanId, context: annotations, now, ...childOptions });
    },
    end(fields = {}) {
      if (ended) return;
      ended = true;
      const extra = { span_name: options.name, span_kind: options.kind, peer: options.peer, ...fields.extra };
      logger.log(options.event, { ...fields, durationMs: Math.max(0, now() - startedAtMs), extra }, ownContext());
    },
  };
}
