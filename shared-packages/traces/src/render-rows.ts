import type { createColors } from 'picocolors';
import { formatDuration, padTo, toPrintable, truncate } from './format.ts';
import { OWN_SERVICE_PREFIX, type Trace, type TraceSpan, walkSpans } from './trace.ts';

export type Colors = ReturnType<typeof createColors>;

interface Row {
  readonly span: TraceSpan;
  readonly label: string;
  readonly note: string;
}

/** Widths in characters; 0 where the terminal has no room for the column. */
interface Columns {
  readonly label: number;
  readonly bar: number;
  readonly note: number;
}

const GAP = 2;
const DURATION_WIDTH = 8;
const MIN_BAR_WIDTH = 16;
const MAX_LABEL_SHARE = 0.5;

/** One row a span: who calls whom as a tree, when and how long as a bar, then what it cost or why it failed. */
export function renderRows(trace: Trace, width: number, colors: Colors): readonly string[] {
  const maxIndent = Math.floor(width / 6);
  const rows = [...walkSpans(trace.roots)].map(({ span, depth, caller }) => ({
    span,
    label: ' '.repeat(Math.min(depth * 2, maxIndent)) + toLabel(span, caller),
    note: toNote(span),
  }));
  const columns = layOut(rows, width);
  return rows.map((row) => renderRow(row, columns, trace.durationMs, colors));
}

function toLabel(span: TraceSpan, caller: TraceSpan | undefined): string {
  const service = toShortName(span.service);
  if (span.kind === 'client') return toPrintable(`→ ${toShortName(span.peer ?? 'unknown')}  ${span.name}`);
  if (caller === undefined) return toPrintable(`${service}  ${span.name}`);
  // What a service was asked is already in its caller's row; what it does inside is not.
  if (span.kind === 'server') return toPrintable(span.name === caller.name ? service : `${service}  ${span.name}`);
  return toPrintable(span.service === caller.service ? span.name : `${service}  ${span.name}`);
}

function toShortName(service: string): string {
  return service.startsWith(OWN_SERVICE_PREFIX) ? service.slice(OWN_SERVICE_PREFIX.length) : service;
}

function toNote(span: TraceSpan): string {
  if (span.error !== undefined) return toPrintable(`✗ ${span.error.code}`);
  const { input, output } = span.tokens;
  // Callers repeat the sum of what they called, so it stands where the tokens were spent and at the top.
  const isSpender = input + output > 0 && !span.children.some((child) => child.tokens.input + child.tokens.output > 0);
  const parts = [...(isSpender ? [`${input}→${output} tokens`] : []), ...(span.model === undefined ? [] : [span.model])];
  return toPrintable(parts.join(' '));
}

function layOut(rows: readonly Row[], width: number): Columns {
  const longestLabel = Math.max(0, ...rows.map(({ label }) => [...label].length));
  const longestNote = Math.max(0, ...rows.map(({ note }) => [...note].length));
  const label = Math.min(longestLabel, Math.floor(width * MAX_LABEL_SHARE));
  const rest = width - label - GAP - DURATION_WIDTH;
  const note = Math.min(longestNote, Math.max(0, rest - 2 * GAP - MIN_BAR_WIDTH));
  const bar = rest - GAP - (note === 0 ? 0 : note + GAP);
  if (bar >= MIN_BAR_WIDTH) return { label, bar, note };
  return { label: Math.min(longestLabel, Math.max(1, width - GAP - DURATION_WIDTH)), bar: 0, note: 0 };
}

function renderRow({ span, label, note }: Row, columns: Columns, traceMs: number, colors: Colors): string {
  const failed = span.error !== undefined;
  const paint = failed ? colors.red : span.kind === 'client' ? colors.cyan : colors.green;
  const cells = [
    failed ? colors.red(padTo(truncate(label, columns.label), columns.label)) : padTo(truncate(label, columns.label), columns.label),
    ...(columns.bar === 0 ? [] : [paint(drawBar(span, columns.bar, traceMs))]),
    formatDuration(span.durationMs).padStart(DURATION_WIDTH),
    ...(columns.note === 0 || note === ''
      ? []
      : [failed ? colors.red(truncate(note, columns.note)) : colors.dim(truncate(note, columns.note))]),
  ];
  return cells.join(' '.repeat(GAP)).trimEnd();
}

/** As long as its share of the trace and never invisible; in whole characters, as fractions look broken in many fonts. */
function drawBar(span: TraceSpan, width: number, traceMs: number): string {
  const scale = traceMs > 0 ? width / traceMs : 0;
  const start = Math.min(width - 1, Math.max(0, Math.floor(span.startMs * scale)));
  const length = Math.min(width - start, Math.round(span.durationMs * scale));
  return padTo(`${' '.repeat(start)}${length < 1 ? '▏' : '█'.repeat(length)}`, width);
}
