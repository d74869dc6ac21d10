import { type AgentLog, LOG_LEVELS, type LogLevel, type LogLine } from '@rubot/contracts/log';
import { toLogError } from '@rubot/errors/to-log';
import type { EventTable } from './events.ts';
import { redact, redactError } from './redact.ts';

/** Takes finished lines, whose fields that do not apply are `undefined` or absent; the only thing that differs between Node and workerd. */
export type LogSink = (line: LogLine) => void;

/** What a deployable says of itself on every line. */
export interface LogSource {
  readonly service: string;
  readonly environment: string;
  readonly deploymentHash: string;
  readonly level: LogLevel;
}

/** Who and what a line is about. */
export interface LogContext {
  readonly component?: string | undefined;
  readonly tenant_id?: string | undefined;
  readonly chat_source_session_id?: string | undefined;
  readonly sender_id?: string | undefined;
  readonly run_id?: string | undefined;
  readonly trace_id?: string | undefined;
  readonly span_id?: string | undefined;
  readonly parent_span_id?: string | undefined;
}

export interface LogFields {
  readonly error?: unknown;
  readonly durationMs?: number;
  readonly extra?: Readonly<Record<string, unknown>>;
  readonly agent?: AgentLog;
}

export interface Logger<Events extends EventTable = EventTable> {
  log(event: keyof Events & string, fields?: LogFields, context?: LogContext): void;
}

export interface CreateLoggerOptions<Events extends EventTable> {
  readonly source: LogSource;
  readonly events: Events;
  readonly sink: LogSink;
  readonly now?: () => number;
}

export function createLogger<Events extends EventTable>({
  source,
  events,
  sink,
  now = Date.now,
}: CreateLoggerOptions<Events>): Logger<Events> {
  const threshold = LOG_LEVELS.indexOf(source.level);
  return {
    log(event, fields = {}, context = {}) {
      const definition = events[event];
      if (definition === undefined) throw new TypeError(`log event ${event} is not declared in events.ts`);
      // A failed span is worth an operator's eye whatever level its event has when all is well.
      const level = fields.error !== undefined && definition.level !== 'error' ? 'warn' : definition.level;
      if (LOG_LEVELS.indexOf(level) < threshold) return;
      sink({
        timestamp: new Date(now()).toISOString(),
        log_level: level,
        service: source.service,
        environment: source.environment,
        deployment_hash: source.deploymentHash,
        ...context,
        event_type: event,
        message: definition.message,
        duration_ms: fields.durationMs,
        error: fields.error === undefined ? undefined : redactError(toLogError(fields.error)),
        extra: fields.extra === undefined ? undefined : redact(fields.extra),
        agent: fields.agent,
      });
    },
  };
}
