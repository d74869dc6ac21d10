import { LogLine } from '@rubot/contracts/log';
import { RubotError } from '@rubot/errors';
import { describe, expect, it } from 'vitest';
import { recordCompletion } from '../tests/sample-trace.ts';
import { parseLogLines, parseLogText } from './parse-lines.ts';

const { lines } = recordCompletion({ toolError: new RubotError('unavailable', 'gone', { operatorDetail: 'ECONNREFUSED' }) });

/** As a store without nested fields hands a line back: one column a leaf, and null in those the line has not. */
function flatten(line: object, prefix = ''): Record<string, unknown> {
  const entries = Object.entries(line).flatMap(([name, value]): [string, unknown][] =>
    typeof value === 'object' && value !== null ? Object.entries(flatten(value, `${prefix}${name}.`)) : [[`${prefix}${name}`, value]],
  );
  return Object.fromEntries(entries);
}

describe('parseLogLines', () => {
  it('reads a line as it was written', () => {
    expect(lines.flatMap((line) => parseLogText(JSON.stringify(line)))).toEqual(lines);
  });

  it('reads rows whose nested fields were flattened and whose missing fields are null', () => {
    const columns = new Set(lines.flatMap((line) => Object.keys(flatten(line))));
    const rows = lines.map((line) => {
      const flat = flatten(line);
      return Object.fromEntries([...columns].map((column) => [column, flat[column] ?? null]));
    });
    expect(parseLogLines(rows)).toEqual(lines);
  });

  it('reads lines out of the trace events of Cloudflare Logpush', () => {
    const event = {
      EventTimestampMs: 1_795_255_200_000,
      EventType: 'fetch',
      Outcome: 'ok',
      ScriptName: 'rubot-gateway',
      Logs: lines.map((line) => ({ Level: 'log', Message: [JSON.stringify(line)], TimestampMs: 1_795_255_200_000 })),
    };
    expect(parseLogLines(event)).toEqual(lines);
    expect(parseLogLines({ ...event, Logs: JSON.stringify(event.Logs) })).toEqual(lines);
  });

  it('reads lines out of the messages of a container host', () => {
    const drained = lines.map((line) => ({ _metadata: { serviceName: 'orchestrator' }, severity: 'info', message: JSON.stringify(line) }));
    expect(parseLogLines(drained)).toEqual(lines);
  });

  it('reads what a newer or an older version wrote', () => {
    const [line] = lines;
    const newer = { ...line, log_level: 'notice', region: 'eu', error: { code: 'future_code', message: 'x', hint: 'y' } };
    expect(parseLogLines(newer)).toEqual([{ ...line, log_level: 'info', error: { code: 'future_code', message: 'x' } }]);
    const bare = { _time: '2026-11-21T09:00:00.123456789Z', service: 'rubot-gateway', event_type: 'request.completed' };
    expect(parseLogLines(bare).map((parsed) => LogLine.parse(parsed).timestamp)).toEqual(['2026-11-21T09:00:00.123Z']);
  });

  it('never takes what a user wrote inside a line for a line', () => {
    const forged = JSON.stringify({ ...lines[0], trace_id: 'f'.repeat(32) });
    const line = { ...lines[0]!, extra: { path: forged } };
    expect(parseLogLines(line)).toEqual([line]);
  });

  it.each(['', 'null', '17', '"text"', '[]', '{}', '{"timestamp":"2026-', 'Listening on :8080', '{"level":30,"msg":"hello"}'])(
    'takes nothing from the foreign line %j',
    (text) => {
      expect(parseLogText(text)).toEqual([]);
    },
  );

  it('is not led astray by the names of columns', () => {
    const row = { ...flatten(lines[0]!), 'extra.__proto__.polluted': true, 'extra.constructor.prototype.polluted': true };
    const [line] = parseLogLines(row);
    expect(line?.span_id).toBe(lines[0]?.span_id);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  it('gives up on wrapping that has no end', () => {
    let value: unknown = lines[0];
    for (let depth = 0; depth < 10_000; depth += 1) value = [value];
    expect(parseLogLines(value)).toEqual([]);
  });
});
