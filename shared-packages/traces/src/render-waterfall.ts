import { createColors } from 'picocolors';
import { checkCompleteness } from './check-completeness.ts';
import { formatDuration, toPrintable, wrap } from './format.ts';
import { type Colors, renderRows } from './render-rows.ts';
import { type Trace, type TraceFailure, walkSpans } from './trace.ts';

export interface RenderOptions {
  /** Columns of the terminal; no line is longer. */
  readonly width: number;
  readonly color: boolean;
}

const MIN_WIDTH = 20;
/** Hosts in order differ by less; a service that was moved further is worth a word. */
const NOTABLE_SHIFT_MS = 50;

/** One trace for a person: what failed, then who called whom, when and for how long. Ends with a line break. */
export function renderWaterfall(trace: Trace, options: RenderOptions): string {
  const width = Math.max(MIN_WIDTH, Math.floor(options.width));
  const colors = createColors(options.color);
  const sections = [
    renderHead(trace, width, colors),
    renderFailures(trace, width, colors),
    renderRows(trace, width, colors),
    renderVerdict(trace, width, colors),
  ];
  const texts = sections.filter((lines) => lines.length > 0).map((lines) => lines.join('\n'));
  return `${texts.join('\n\n')}\n`;
}

function renderHead(trace: Trace, width: number, colors: Colors): readonly string[] {
  const [root] = trace.roots;
  const { input, output } = trace.tokens;
  const facts = [
    ...(root === undefined ? [] : [`${root.name}${root.status === undefined ? '' : ` → ${root.status}`}`]),
    formatDuration(trace.durationMs),
    count([...walkSpans(trace.roots)].length, 'span'),
    count(trace.services.length, 'service'),
    ...(input + output === 0 ? [] : [`${input}→${output} tokens`]),
  ];
  const who = [
    ...(trace.tenantId === undefined ? [] : [`tenant ${trace.tenantId}`]),
    ...(trace.senderId === undefined ? [] : [`sender ${trace.senderId}`]),
    ...(trace.sessionId === undefined ? [] : [`session ${trace.sessionId}`]),
    ...(trace.runId === undefined ? [] : [trace.runId]),
  ];
  return [
    ...lay(`trace ${trace.traceId}`, width).map((line) => colors.bold(line)),
    ...lay(facts.join(' · '), width),
    ...lay(who.join(' · '), width).map((line) => colors.dim(line)),
  ];
}

/** An error is told once, where it began, with the services that it went up through. */
function renderFailures(trace: Trace, width: number, colors: Colors): readonly string[] {
  const groups = Map.groupBy(trace.failures, ({ code, message }) => `${code}: ${message}`);
  return [...groups.values()].flatMap((group) => lay(toFailureText(group), width)).map((line) => colors.red(line));
}

function toFailureText([cause, ...consequences]: readonly TraceFailure[]): string {
  if (cause === undefined) return '';
  const detail = cause.detail === undefined ? '' : ` (${cause.detail})`;
  const seenBy = [...new Set(consequences.map(({ service }) => service))].filter((service) => service !== cause.service);
  const spread = seenBy.length === 0 ? '' : ` [seen by ${seenBy.join(', ')}]`;
  return `✗ ${cause.service} ${cause.name}: ${cause.code}: ${cause.message}${detail}${spread}`;
}

function renderVerdict(trace: Trace, width: number, colors: Colors): readonly string[] {
  const problems = checkCompleteness(trace);
  const verdict =
    problems.length === 0
      ? lay('complete: every hop of this request is here', width).map((line) => colors.green(line))
      : problems.flatMap((problem) => lay(`incomplete: ${problem}`, width)).map((line) => colors.yellow(line));
  const notes = toClockNotes(trace).flatMap((note) => lay(note, width));
  return [...verdict, ...notes.map((line) => colors.dim(line))];
}

function toClockNotes(trace: Trace): readonly string[] {
  const shifts = new Map<string, number>();
  for (const { span } of walkSpans(trace.roots)) {
    if (Math.abs(span.clockShiftMs) >= NOTABLE_SHIFT_MS && !shifts.has(span.service)) shifts.set(span.service, span.clockShiftMs);
  }
  return [...shifts].map(([service, shiftMs]) => {
    const direction = shiftMs > 0 ? 'behind' : 'ahead of';
    return `the clock of ${service} is ${formatDuration(Math.abs(shiftMs))} ${direction} its caller's; its bars are moved`;
  });
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

function lay(text: string, width: number): readonly string[] {
  return wrap(toPrintable(text), width);
}
