import type { LogLine } from '@rubot/contracts/log';
import { createLogger } from '@rubot/logging';
import { COMMON_EVENTS, type EventTable } from '@rubot/logging/events';
import { type Span, startSpan } from '@rubot/logging/span';
import { newTraceId, readTraceContext, toTraceHeaders } from '@rubot/logging/trace-context';

const EVENTS = {
  ...COMMON_EVENTS,
  'model.completed': { level: 'info', message: 'model call ended' },
  'tool.completed': { level: 'info', message: 'tool call ended' },
  'agent.log': { level: 'info', message: 'agent run ended' },
} as const satisfies EventTable;

export interface SampleOptions {
  readonly traceId?: string;
  /** How far the clock of a service is off. */
  readonly clockOffsetMs?: Readonly<Record<string, number>>;
  /** This service calls on without trace headers. */
  readonly headerDroppedBy?: string;
  /** The tool call ends with this error. */
  readonly toolError?: Error;
  /** What the client sent as `traceparent`. */
  readonly clientTraceparent?: string;
}

export interface Sample {
  readonly traceId: string;
  readonly lines: readonly LogLine[];
}

const START_MS = Date.UTC(2026, 10, 21, 9, 0, 0);

/** The lines of one completion over all services, written by the real spans and carried by the real headers. */
export function recordCompletion(options: SampleOptions = {}): Sample {
  const lines: LogLine[] = [];
  const traceId = options.traceId ?? newTraceId();
  let nowMs = START_MS;

  function wait(durationMs: number): void {
    nowMs += durationMs;
  }

  function serve(service: string, name: string, headers: Headers, handle: (span: Span) => void, error?: Error): void {
    const now = () => nowMs + (options.clockOffsetMs?.[service] ?? 0);
    const source = { service, environment: 'development', deploymentHash: 'local', level: 'info' } as const;
    const logger = createLogger({ source, events: EVENTS, sink: (line) => lines.push(line), now });
    const span = startSpan({ logger, ...readTraceContext(headers), event: 'request.completed', name, kind: 'server', now });
    span.annotate({ tenant_id: 'acme', chat_source_session_id: 'session-1', sender_id: 'ada' });
    wait(2);
    handle(span);
    wait(2);
    span.end({ ...(error === undefined ? {} : { error }), extra: { status: error === undefined ? 200 : 500 } });
  }

  function call(caller: Span, from: string, to: string, name: string, handle: (span: Span) => void, error?: Error): void {
    const span = caller.child({ event: 'upstream.completed', name, kind: 'client', peer: to });
    wait(1);
    serve(to, name, from === options.headerDroppedBy ? new Headers() : new Headers(toTraceHeaders(span)), handle, error);
    wait(1);
    span.end({ ...(error === undefined ? {} : { error }) });
  }

  function runModel(caller: Span, durationMs: number): void {
    const span = caller.child({ event: 'model.completed', name: 'model', kind: 'client', peer: 'demo' });
    wait(durationMs);
    span.end({ extra: { model: 'demo/scripted', input_tokens: 20, output_tokens: 5 } });
  }

  const client = new Headers({ 'x-rubot-trace-id': traceId });
  if (options.clientTraceparent !== undefined) client.set('traceparent', options.clientTraceparent);
  serve('rubot-gateway', 'POST /v1/chat/completions', client, (gateway) => {
    call(gateway, 'rubot-gateway', 'rubot-middleware', 'POST /internal/sessions/resolve', () => wait(5));
    gateway.annotate({ run_id: RUN_ID });
    call(gateway, 'rubot-gateway', 'rubot-orchestrator', 'POST /v1/chat/completions', (orchestrator) => {
      runModel(orchestrator, 40);
      call(orchestrator, 'rubot-orchestrator', 'rubot-agent-tables', 'POST /v1/chat/completions', (agent) => {
        runModel(agent, 100);
        const tool = agent.child({ event: 'tool.completed', name: 'tool tables_query', kind: 'internal' });
        const path = 'POST /data/acme/tools/tables_query/call';
        call(tool, 'rubot-agent-tables', 'rubot-middleware', path, () => wait(10), options.toolError);
        tool.end(options.toolError === undefined ? {} : { error: options.toolError });
        runModel(agent, 200);
        agent.log('agent.log');
      });
    });
  });
  return { traceId, lines };
}

export const RUN_ID = `run_${'0'.repeat(31)}1`;
