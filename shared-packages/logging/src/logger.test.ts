import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { LogLine } from '@rubot/contracts/log';
import { RubotError } from '@rubot/errors';
import { describe, expect, it } from 'vitest';
import { COMMON_EVENTS } from './events.ts';
import { createLogger, type LogSource } from './logger.ts';
import { createPinoSink } from './pino-sink.ts';
import { startSpan } from './span.ts';
import { readTraceContext, toTraceHeaders } from './trace-context.ts';

const source: LogSource = { service: 'rubot-test', environment: 'development', deploymentHash: 'local', level: 'info' };
const TRACE = 'a'.repeat(32);

function createRecorder(level: LogSource['level'] = 'info') {
  const lines: LogLine[] = [];
  return { lines, logger: createLogger({ source: { ...source, level }, events: COMMON_EVENTS, sink: (line) => lines.push(line) }) };
}

describe('logger', () => {
  it('writes lines of the one shape', () => {
    const { lines, logger } = createRecorder();
    logger.log('request.completed', { durationMs: 3, extra: { status: 200 } }, { trace_id: TRACE });
    expect(LogLine.parse(lines[0])).toMatchObject({
      service: 'rubot-test',
      event_type: 'request.completed',
      log_level: 'info',
      trace_id: TRACE,
    });
  });

  it('lets no secret and no user text through', () => {
    const { lines, logger } = createRecorder();
    const bearer = 'eyJhbGciOiJIUzI1NiJ9.eyJ0ZW5hbnQiOiJhY21lIn0.c2lnbmF0dXJl';
    logger.log('request.completed', {
      extra: {
        authorization: 'x',
        dataBearer: 'x',
        nested: { apiKey: 'x', note: `sent Bearer ${bearer} away` },
        content: 'my pin is 1',
        list: [`t ${bearer}`],
      },
    });
    expect(JSON.stringify(lines)).not.toMatch(/eyJ|my pin|"x"/);
  });

  it('knows a token by its shape, wherever it stands', () => {
    const { lines, logger } = createRecorder();
    const token = 'eyJhbGciOiJIUzI1NiJ9.eyJ0ZW5hbnQiOiJhY21lIn0.c2lnbmF0dXJl-_x';
    logger.log('request.completed', { extra: { bare: token, query: `/x?t=${token}&y=1`, quoted: `got "${token}".` } });
    expect(lines[0]?.extra).toEqual({ bare: '[redacted]', query: '/x?t=[redacted]&y=1', quoted: 'got "[redacted]".' });
  });

  it.each(['rbt_', 'rbh_'])('knows a credential that begins with %s, wherever it stands', (prefix) => {
    const { lines, logger } = createRecorder();
    const credential = `${prefix}yHFXmo5A0PbWhkqTzNRE3wUcLs92Gi0aB3Xz`;
    const around = [
      credential,
      `Bearer%20${credential}`,
      `token_${credential}`,
      `{"t":"${credential}"}`,
      `a=${credential}&b=1`,
      `x${credential}`,
    ];
    logger.log('request.completed', { error: new TypeError(`cannot read ${credential}`), extra: { around, hint: credential.slice(0, 8) } });
    expect(JSON.stringify(lines)).not.toContain('mo5A0P');
    expect(lines[0]?.extra).toMatchObject({ hint: `${prefix}yHFX` });
  });

  it('looks no deeper than four levels, and never for ever', () => {
    const { lines, logger } = createRecorder();
    const loop: Record<string, unknown> = { name: 'loop' };
    loop['self'] = loop;
    logger.log('request.completed', { extra: { a: { b: { c: { d: { e: 'too deep' } } } }, list: [[[['too deep']]]], loop } });
    expect(lines[0]?.extra).toEqual({
      a: { b: { c: { d: '[deep]' } } },
      list: [[['[deep]']]],
      loop: { name: 'loop', self: { name: 'loop', self: { name: 'loop', self: '[deep]' } } },
    });
  });

  it('lets no secret through in what a library says of its failure', () => {
    const { lines, logger } = createRecorder();
    logger.log('request.completed', { error: new TypeError('bad header: Bearer rbt_live_0123456789') });
    expect(lines[0]?.error?.detail).toBe('TypeError: bad header: [redacted]');
    expect(JSON.stringify(lines)).not.toContain('rbt_live');
  });

  it('spends no time on text that is made to be slow to search', () => {
    const { lines, logger } = createRecorder();
    const startedAt = performance.now();
    logger.log('request.completed', {
      extra: { path: 'eyJ'.repeat(350_000), query: 'rbt_'.repeat(250_000), other: 'Bearer '.repeat(150_000) },
    });
    expect(performance.now() - startedAt).toBeLessThan(1_000);
    expect(JSON.stringify(lines).length).toBeLessThan(5_000);
  });

  it('keeps forged line breaks inside one line', () => {
    const { lines, logger } = createRecorder();
    logger.log('request.completed', { extra: { path: '/\n{"log_level":"error"}' } });
    expect(JSON.stringify(lines[0])).not.toContain('\n');
  });

  it('raises a failed span to a warning, and drops what is under the level', () => {
    const { lines, logger } = createRecorder('warn');
    logger.log('request.completed');
    logger.log('request.completed', { error: new RubotError('unavailable', 'gone') });
    expect(lines.map((line) => [line.log_level, line.error?.code])).toEqual([['warn', 'unavailable']]);
  });

  it('writes the same line through pino', async () => {
    const { lines, logger } = createRecorder();
    logger.log('request.completed', { durationMs: 1 }, { trace_id: TRACE });
    const stream = new PassThrough();
    const written = once(stream, 'data');
    createPinoSink(stream)(lines[0] as LogLine);
    const [chunk] = await written;
    expect(JSON.parse(String(chunk))).toEqual(lines[0]);
  });
});

describe('span', () => {
  it('joins parent, child and the next hop, and ends once', () => {
    const { lines, logger } = createRecorder();
    const root = startSpan({ logger, traceId: TRACE, parentSpanId: undefined, event: 'request.completed', name: 'GET /', kind: 'server' });
    root.annotate({ tenant_id: 'acme' });
    const child = root.child({ event: 'upstream.completed', name: 'GET /peer', kind: 'client', peer: 'rubot-peer' });
    const hop = readTraceContext(new Headers(toTraceHeaders(child)));
    child.end();
    child.end();
    root.end();
    expect(hop).toEqual({ traceId: TRACE, parentSpanId: child.spanId });
    expect(lines.map((line) => [line.event_type, line.span_id, line.parent_span_id, line.tenant_id])).toEqual([
      ['upstream.completed', child.spanId, root.spanId, 'acme'],
      ['request.completed', root.spanId, undefined, 'acme'],
    ]);
  });
});

describe('trace context', () => {
  it.each([['<script>alert(1)</script>zzzzzzzzz'], ['0'.repeat(32)], ['A'.repeat(32)], ['a'.repeat(31)], ['']])(
    'replaces the forged trace id %s',
    (forged) => {
      const { traceId } = readTraceContext(new Headers({ 'x-rubot-trace-id': forged, traceparent: `00-${forged.slice(0, 8)}-b-01` }));
      expect(traceId).toMatch(/^[0-9a-f]{32}$/);
      expect(traceId).not.toBe(forged);
    },
  );

  it('takes either header, and drops a parent that belongs to another trace', () => {
    const traceparent = `00-${TRACE}-${'b'.repeat(16)}-01`;
    expect(readTraceContext(new Headers({ traceparent }))).toEqual({ traceId: TRACE, parentSpanId: 'b'.repeat(16) });
    expect(readTraceContext(new Headers({ traceparent, 'x-rubot-trace-id': 'c'.repeat(32) }))).toEqual({
      traceId: 'c'.repeat(32),
      parentSpanId: undefined,
    });
  });
});
