import type { AgentLog } from '@rubot/contracts/log';
import { RubotError } from '@rubot/errors';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { recordCompletion } from '../tests/sample-trace.ts';
import { buildTrace } from './build-trace.ts';
import { walkSpans } from './trace.ts';

function outline(traceId: string, lines: Parameters<typeof buildTrace>[1]): readonly string[] {
  return [...walkSpans(buildTrace(traceId, lines).roots)].map(
    ({ span, depth }) => `${' '.repeat(depth)}${span.kind} ${span.service} ${span.peer ?? span.name}`,
  );
}

describe('buildTrace', () => {
  it('shows who called whom', () => {
    const { traceId, lines } = recordCompletion();
    expect(outline(traceId, lines)).toEqual([
      'server rubot-gateway POST /v1/chat/completions',
      ' client rubot-gateway rubot-middleware',
      '  server rubot-middleware POST /internal/sessions/resolve',
      ' client rubot-gateway rubot-orchestrator',
      '  server rubot-orchestrator POST /v1/chat/completions',
      '   client rubot-orchestrator demo',
      '   client rubot-orchestrator rubot-agent-tables',
      '    server rubot-agent-tables POST /v1/chat/completions',
      '     client rubot-agent-tables demo',
      '     internal rubot-agent-tables tool tables_query',
      '      client rubot-agent-tables rubot-middleware',
      '       server rubot-middleware POST /data/acme/tools/tables_query/call',
      '     client rubot-agent-tables demo',
    ]);
  });

  it('does not depend on the order of lines, on lines that come twice, or on lines of others', () => {
    const { traceId, lines } = recordCompletion();
    const expected = buildTrace(traceId, lines);
    const noise = recordCompletion().lines;
    fc.assert(
      fc.property(fc.shuffledSubarray([...lines, ...lines, ...noise], { minLength: lines.length * 3 }), (shuffled) => {
        expect(buildTrace(traceId, shuffled)).toEqual(expected);
      }),
    );
  });

  it('rolls tokens up to the root', () => {
    const { traceId, lines } = recordCompletion();
    const trace = buildTrace(traceId, lines);
    const agent = [...walkSpans(trace.roots)].find(({ span }) => span.service === 'rubot-agent-tables');
    expect([trace.tokens, agent?.span.tokens]).toEqual([
      { input: 60, output: 15 },
      { input: 40, output: 10 },
    ]);
  });

  it('does not take a count of one kind for all there is', () => {
    const { traceId, lines } = recordCompletion();
    const hinted = lines.map((line) =>
      line.service === 'rubot-agent-tables' && line.extra?.['span_kind'] === 'server'
        ? { ...line, extra: { ...line.extra, output_tokens: 1 } }
        : line,
    );
    expect(buildTrace(traceId, hinted).tokens).toEqual({ input: 60, output: 15 });
  });

  it('takes the tokens of an agent from its own report when its model calls logged none', () => {
    const { traceId, lines } = recordCompletion();
    const source = { agent_id: 'tables', provider: 'demo', model: 'scripted', steps: [], signals: [] };
    const report: AgentLog = { schema: 'agent_log_v1', ...source, input_tokens: 7, output_tokens: 3, cost_usd: null };
    const reported = lines
      .filter((line) => line.event_type !== 'model.completed')
      .map((line) => (line.event_type === 'agent.log' ? { ...line, agent: report } : line));
    expect(buildTrace(traceId, reported).tokens).toEqual({ input: 7, output: 3 });
  });

  it('keeps every span inside its caller, whatever clocks say', () => {
    const services = ['rubot-gateway', 'rubot-middleware', 'rubot-orchestrator', 'rubot-agent-tables'];
    const offsets = fc.record(Object.fromEntries(services.map((service) => [service, fc.integer({ min: -86_400_000, max: 86_400_000 })])));
    const { durationMs } = toTrace();
    fc.assert(
      fc.property(offsets, (clockOffsetMs) => {
        const trace = toTrace(clockOffsetMs);
        expect(trace.durationMs).toBe(durationMs);
        for (const { span, caller } of walkSpans(trace.roots)) {
          if (caller === undefined) continue;
          expect(span.startMs).toBeGreaterThanOrEqual(caller.startMs);
          expect(span.startMs + span.durationMs).toBeLessThanOrEqual(caller.startMs + caller.durationMs);
        }
      }),
    );
  });

  it('moves what one service did as a whole', () => {
    const starts = (offsetMs: number) =>
      [...walkSpans(toTrace({ 'rubot-agent-tables': offsetMs }).roots)]
        .filter(({ span, caller }) => span.service === 'rubot-agent-tables' && caller?.service === span.service)
        .map(({ span, caller }) => span.startMs - caller!.startMs);
    expect(starts(3_600_000)).toEqual(starts(0));
    expect(starts(0).some((startMs) => startMs > 0)).toBe(true);
  });

  it('moves nothing where clocks agree', () => {
    expect([...walkSpans(toTrace().roots)].every(({ span }) => span.clockShiftMs === 0)).toBe(true);
  });

  it('names the cause before its consequences', () => {
    const { traceId, lines } = recordCompletion({ toolError: new RubotError('unavailable', 'D1 cannot be reached.') });
    expect(buildTrace(traceId, lines).failures.map(({ service, name }) => `${service} ${name}`)).toEqual([
      'rubot-middleware POST /data/acme/tools/tables_query/call',
      'rubot-agent-tables POST /data/acme/tools/tables_query/call',
      'rubot-agent-tables tool tables_query',
    ]);
  });

  it('loses no span to parents in a ring', () => {
    const { traceId, lines } = recordCompletion();
    const [first] = lines;
    const ring = [
      { ...first!, span_id: 'a'.repeat(16), parent_span_id: 'b'.repeat(16) },
      { ...first!, span_id: 'b'.repeat(16), parent_span_id: 'a'.repeat(16) },
      { ...first!, span_id: 'c'.repeat(16), parent_span_id: 'c'.repeat(16) },
    ];
    expect([...walkSpans(buildTrace(traceId, ring).roots)]).toHaveLength(3);
  });

  function toTrace(clockOffsetMs?: Readonly<Record<string, number>>) {
    const { traceId, lines } = recordCompletion(clockOffsetMs === undefined ? {} : { clockOffsetMs });
    return buildTrace(traceId, lines);
  }
});
