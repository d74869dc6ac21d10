import type { LogLine } from '@rubot/contracts/log';
import { describe, expect, it } from 'vitest';
import { createLogHub } from './log-hub.ts';

const TRACE_ID = 'a'.repeat(32);

function toLine(changes: Partial<LogLine>): string {
  const line: LogLine = {
    timestamp: '2026-11-21T09:00:00.000Z',
    log_level: 'info',
    service: 'rubot-gateway',
    environment: 'development',
    deployment_hash: 'local',
    trace_id: TRACE_ID,
    event_type: 'request.completed',
    message: 'request answered',
    ...changes,
  };
  return JSON.stringify(line);
}

const ROOT = toLine({ span_id: '1'.repeat(16), duration_ms: 5, extra: { span_kind: 'server', span_name: 'GET /' } });
const CALL = toLine({
  span_id: '2'.repeat(16),
  parent_span_id: '1'.repeat(16),
  duration_ms: 3,
  extra: { span_kind: 'client', peer: 'rubot-orchestrator' },
});
const ANSWER = toLine({
  service: 'rubot-orchestrator',
  span_id: '3'.repeat(16),
  parent_span_id: '2'.repeat(16),
  duration_ms: 2,
  extra: { span_kind: 'server' },
});

describe('createLogHub', () => {
  it('gives a trace as soon as no hop is missing', async () => {
    const hub = createLogHub();
    let trace: unknown;
    const waiting = hub.waitForTrace(TRACE_ID).then((found) => {
      trace = found;
    });
    for (const line of [ANSWER, CALL]) hub.accept(line);
    await Promise.resolve();
    expect(trace).toBeUndefined();
    hub.accept(ROOT);
    await waiting;
    expect(trace).toMatchObject({ traceId: TRACE_ID, services: ['rubot-gateway', 'rubot-orchestrator'] });
    expect((await hub.waitForTrace(TRACE_ID, (known) => known.roots.length === 1)).traceId).toBe(TRACE_ID);
  });

  it('says what a trace still lacked when the time was up', async () => {
    const hub = createLogHub();
    for (const line of [ROOT, CALL]) hub.accept(line);
    const waiting = hub.waitForTrace(TRACE_ID, undefined, { timeoutMs: 20 });
    await expect(waiting).rejects.toThrow(/rubot-gateway called rubot-orchestrator .* no server span/);
  });

  it('finds a line among those it has and those to come', async () => {
    const hub = createLogHub();
    hub.accept('not a line');
    const coming = hub.waitForLine((line) => line.service === 'rubot-orchestrator');
    hub.accept(ROOT);
    hub.accept(ANSWER);
    expect((await coming).span_id).toBe('3'.repeat(16));
    expect((await hub.waitForLine((line) => line.service === 'rubot-gateway')).span_id).toBe('1'.repeat(16));
    expect(hub.linesOf(TRACE_ID)).toHaveLength(2);
  });

  it('forgets old lines, not new ones', () => {
    const hub = createLogHub();
    for (let count = 0; count < 20_001; count += 1) hub.accept(toLine({ trace_id: 'b'.repeat(32) }));
    hub.accept(ROOT);
    expect(hub.linesOf('b'.repeat(32)).length).toBeLessThan(20_000);
    expect(hub.linesOf(TRACE_ID)).toHaveLength(1);
  });
});
