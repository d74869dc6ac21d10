import { type LogLine, SPAN_KINDS, type SpanKind } from '@rubot/contracts/log';
import { toClockShiftMs, toShiftInto } from './clock-shift.ts';
import { findFailures } from './find-failures.ts';
import { type SpanLine, splitLines, toStartMs } from './split-lines.ts';
import { addTokens, NO_TOKENS, rollUpTokens } from './tokens.ts';
import { GATEWAY_SERVICE, type Tokens, type Trace, type TraceEvent, type TraceSpan, walkSpans } from './trace.ts';

/** What is known of all lines while the tree is put together. */
interface Draft {
  readonly childrenOf: ReadonlyMap<string | undefined, readonly SpanLine[]>;
  readonly eventsOf: ReadonlyMap<string | undefined, readonly TraceEvent[]>;
  readonly originMs: number;
  /** Guards against lines that name each other as parents. */
  readonly placed: Set<string>;
}

/**
 * The tree of one trace. Lines may come in any order, twice, and from hosts whose clocks differ; lines of other
 * traces are ignored.
 */
export function buildTrace(traceId: string, lines: readonly LogLine[]): Trace {
  const own = lines.filter((line) => line.trace_id === traceId);
  const { spanLines, events } = splitLines(own);
  const known = new Set(spanLines.map((line) => line.span_id));
  const rootLines = sortRoots(spanLines.filter((line) => !isChild(line, known)));
  const originMs = toOriginMs(rootLines[0] ?? spanLines[0], own);
  const roots = placeRoots(rootLines, spanLines, {
    childrenOf: Map.groupBy(spanLines, (line) => line.parent_span_id),
    eventsOf: Map.groupBy(events, (event) => event.spanId),
    originMs,
    placed: new Set(),
  });
  const looseEvents = events.filter((event) => event.spanId === undefined || !known.has(event.spanId));
  return {
    traceId,
    startedAt: new Date(originMs).toISOString(),
    durationMs: Math.max(0, ...[...walkSpans(roots)].map(({ span }) => span.startMs + span.durationMs)),
    services: [...new Set([...[...walkSpans(roots)].map(({ span }) => span.service), ...events.map((event) => event.service)])],
    tenantId: firstOf(own, 'tenant_id'),
    sessionId: firstOf(own, 'chat_source_session_id'),
    senderId: firstOf(own, 'sender_id'),
    runId: firstOf(own, 'run_id'),
    tokens: addTokens(roots.map((root) => root.tokens)),
    failures: findFailures(roots, looseEvents),
    roots,
    looseEvents,
  };
}

function isChild(line: SpanLine, known: ReadonlySet<string>): boolean {
  return line.parent_span_id !== undefined && line.parent_span_id !== line.span_id && known.has(line.parent_span_id);
}

/** The gateway's first: what stands beside it has lost its parent. */
function sortRoots(lines: readonly SpanLine[]): readonly SpanLine[] {
  return lines.toSorted((left, right) => Number(isGatewayServer(right)) - Number(isGatewayServer(left)));
}

function isGatewayServer(line: SpanLine): boolean {
  return line.service === GATEWAY_SERVICE && line.extra?.['span_kind'] === 'server';
}

function toOriginMs(first: SpanLine | undefined, lines: readonly LogLine[]): number {
  return first === undefined ? Date.parse(lines[0]?.timestamp ?? '1970-01-01T00:00:00Z') : toStartMs(first);
}

function placeRoots(rootLines: readonly SpanLine[], spanLines: readonly SpanLine[], draft: Draft): readonly TraceSpan[] {
  const roots: TraceSpan[] = [];
  function place(line: SpanLine): void {
    const [main] = roots;
    const interval = { startMs: toStartMs(line) - draft.originMs, durationMs: line.duration_ms };
    roots.push(placeSpan(line, main === undefined ? 0 : toShiftInto(interval, main), draft));
  }
  for (const line of rootLines) place(line);
  // What no root reaches is a ring of parents; it is shown from its first span on and not lost.
  for (const line of spanLines) if (!draft.placed.has(line.span_id)) place(line);
  return roots;
}

function placeSpan(line: SpanLine, clockShiftMs: number, draft: Draft): TraceSpan {
  draft.placed.add(line.span_id);
  const span: TraceSpan = {
    spanId: line.span_id,
    parentSpanId: line.parent_span_id,
    service: line.service,
    kind: toKind(line.extra?.['span_kind']),
    name: toText(line.extra?.['span_name']) ?? line.event_type,
    event: line.event_type,
    peer: toText(line.extra?.['peer']),
    startMs: toStartMs(line) - draft.originMs + clockShiftMs,
    durationMs: line.duration_ms,
    clockShiftMs,
    status: toNumber(line.extra?.['status']),
    model: toText(line.extra?.['model']),
    error: line.error,
    tokens: NO_TOKENS,
    events: draft.eventsOf.get(line.span_id) ?? [],
    children: [],
  };
  const children = placeChildren(span, draft);
  const agent = line.agent ?? span.events.find((event) => event.agent !== undefined)?.agent;
  const childTokens = children.map((child) => child.tokens);
  return { ...span, children, tokens: rollUpTokens(toStatedTokens(line), childTokens, agent) };
}

function placeChildren(caller: TraceSpan, draft: Draft): readonly TraceSpan[] {
  const children: TraceSpan[] = [];
  for (const line of draft.childrenOf.get(caller.spanId) ?? []) {
    if (draft.placed.has(line.span_id)) continue;
    const interval = { startMs: toStartMs(line) - draft.originMs, durationMs: line.duration_ms, service: line.service };
    children.push(placeSpan(line, toClockShiftMs(interval, caller), draft));
  }
  return children.sort((left, right) => left.startMs - right.startMs);
}

function toStatedTokens(line: SpanLine): Tokens | undefined {
  const input = toNumber(line.extra?.['input_tokens']);
  const output = toNumber(line.extra?.['output_tokens']);
  // A count of one kind is a detail of that span; only both together speak for all under it.
  return input === undefined || output === undefined ? undefined : { input, output };
}

function toKind(value: unknown): SpanKind {
  return SPAN_KINDS.find((kind) => kind === value) ?? 'internal';
}

function toText(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function toNumber(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

function firstOf(lines: readonly LogLine[], field: 'tenant_id' | 'chat_source_session_id' | 'sender_id' | 'run_id'): string | undefined {
  return lines.find((line) => line[field] !== undefined)?.[field];
}
