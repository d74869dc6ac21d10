import { AgentLog, LOG_LEVELS, LogLine } from '@rubot/contracts/log';
import { parseJson } from '@rubot/contracts/parse-json';
import { z } from 'zod';

/** Fields of the envelope that are objects, so that a store may hand them back as `extra.span_name`. */
const NESTED_FIELDS: ReadonlySet<string> = new Set(['error', 'extra', 'agent']);
/** Deep enough for a line inside a message inside a batch inside a drain's wrapper. */
const MAX_WRAPPING_DEPTH = 6;

const TolerantError = z.object({
  code: z.string().catch('internal'),
  message: z.string().catch(''),
  detail: z.string().optional().catch(undefined),
  stack: z.string().optional().catch(undefined),
});

const TolerantAgent = z.object({
  ...AgentLog.shape,
  steps: AgentLog.shape.steps.catch([]),
  cost_usd: z.number().nullable().catch(null),
  signals: z.array(z.string()).catch([]),
});

/** Reads what other versions wrote: unknown fields are dropped, and a broken detail does not cost the line. */
const TolerantLine = z.object({
  ...LogLine.shape,
  timestamp: z.iso.datetime({ offset: true }).transform((timestamp) => new Date(timestamp).toISOString()),
  log_level: z.enum(LOG_LEVELS).catch('info'),
  environment: z.string().catch('unknown'),
  deployment_hash: z.string().catch('unknown'),
  message: z.string().catch(''),
  error: TolerantError.optional(),
  extra: z.record(z.string(), z.unknown()).optional().catch(undefined),
  agent: TolerantAgent.optional().catch(undefined),
});

/**
 * The log lines inside a value as a store gives it back: a line as it was written; a row whose nested fields were
 * flattened to `extra.span_name`; or a line wrapped by whatever carried it, such as the `Logs[].Message[]` of
 * Cloudflare's Logpush or the `message` text of a container host's drain. Anything else yields nothing.
 */
export function parseLogLines(value: unknown): readonly LogLine[] {
  return collect(value, 0);
}

/** The lines of one row of text, or none when it is not JSON, as a torn last line is not. */
export function parseLogText(text: string): readonly LogLine[] {
  const value = parseJson(text);
  return value === undefined ? [] : parseLogLines(value);
}

function collect(value: unknown, depth: number): readonly LogLine[] {
  if (depth > MAX_WRAPPING_DEPTH) return [];
  if (typeof value === 'string') return looksLikeJson(value) ? collect(parseJson(value), depth + 1) : [];
  if (Array.isArray(value)) return value.flatMap((item) => collect(item, depth + 1));
  if (typeof value !== 'object' || value === null) return [];
  const line = TolerantLine.safeParse(toEnvelope(value));
  // What stands inside a line of ours was written by users as well, so it is never taken for another line.
  if (line.success) return [toLogLine(line.data)];
  return Object.values(value).flatMap((item) => collect(item, depth + 1));
}

/** A tabular store gives every row all columns, and null where the line had no such field. */
function toEnvelope(row: object): Record<string, unknown> {
  const envelope: Record<string, unknown> = {};
  for (const [column, value] of Object.entries(row)) {
    if (value !== null && value !== undefined) setPath(envelope, toPath(column), value);
  }
  envelope['timestamp'] ??= envelope['_time'];
  return envelope;
}

function toPath(column: string): readonly string[] {
  const path = column.split('.');
  return path.length > 1 && NESTED_FIELDS.has(path[0] ?? '') ? path : [column];
}

/** Copies what it changes, so that no name of a column can reach a prototype. */
function setPath(target: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [name, ...rest] = path;
  if (name === undefined) return;
  if (rest.length === 0) {
    target[name] = isRecord(value) && isRecord(target[name]) ? { ...target[name], ...value } : value;
    return;
  }
  const inner = Object.hasOwn(target, name) ? target[name] : undefined;
  const next = isRecord(inner) ? { ...inner } : {};
  target[name] = next;
  setPath(next, rest, value);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function looksLikeJson(text: string): boolean {
  return /^\s*[[{]/.test(text);
}

/** zod writes an absent optional field as `undefined` where a caught one fell away; a line leaves it out. */
function toLogLine(parsed: z.output<typeof TolerantLine>): LogLine {
  return Object.fromEntries(Object.entries(parsed).filter(([, value]) => value !== undefined)) as LogLine;
}
