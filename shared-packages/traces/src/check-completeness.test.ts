import { RubotError } from '@rubot/errors';
import { describe, expect, it } from 'vitest';
import { recordCompletion, type SampleOptions } from '../tests/sample-trace.ts';
import { buildTrace } from './build-trace.ts';
import { checkCompleteness } from './check-completeness.ts';

const SERVICES = ['rubot-gateway', 'rubot-middleware', 'rubot-orchestrator', 'rubot-agent-tables'];

function check(options: SampleOptions, requiredServices: readonly string[] = []): readonly string[] {
  const { traceId, lines } = recordCompletion(options);
  return checkCompleteness(buildTrace(traceId, lines), { requiredServices });
}

describe('checkCompleteness', () => {
  it('finds nothing wrong with a whole trace', () => {
    expect(check({}, [...SERVICES, 'rubot-agent-*'])).toEqual([]);
  });

  it('accepts a trace that the client began', () => {
    const traceId = 'a'.repeat(32);
    expect(check({ traceId, clientTraceparent: `00-${traceId}-${'b'.repeat(16)}-01` })).toEqual([]);
  });

  it.each(['rubot-gateway', 'rubot-orchestrator', 'rubot-agent-tables'])('sees that %s drops the trace header', (service) => {
    expect(check({ headerDroppedBy: service }).join('\n')).toMatch(new RegExp(`${service} called rubot-.* no server span`));
  });

  it('sees every single line that is missing', () => {
    const { traceId, lines } = recordCompletion();
    const spans = lines.filter((line) => line.duration_ms !== undefined && line.event_type !== 'model.completed');
    expect(spans).toHaveLength(10);
    for (const missing of spans) {
      const rest = lines.filter((line) => line !== missing);
      expect(checkCompleteness(buildTrace(traceId, rest)), `${missing.service} ${missing.event_type}`).not.toEqual([]);
    }
  });

  it('names a service that took no part', () => {
    expect(check({}, ['rubot-agent-web', 'rubot-cron*'])).toEqual(['no span of rubot-agent-web', 'no span of rubot-cron*']);
  });

  it('sees two requests under one trace id', () => {
    const { traceId, lines } = recordCompletion();
    const again = recordCompletion({ traceId }).lines;
    expect(checkCompleteness(buildTrace(traceId, [...lines, ...again]))).toEqual(['2 requests to rubot-gateway share this trace id']);
  });

  it('sees a call that was answered twice', () => {
    const { traceId, lines } = recordCompletion();
    const answer = lines.find((line) => line.service === 'rubot-orchestrator' && line.extra?.['span_kind'] === 'server');
    const twice = [...lines, { ...answer!, span_id: 'f'.repeat(16) }];
    expect(checkCompleteness(buildTrace(traceId, twice)).join()).toContain('2 server spans of rubot-orchestrator');
  });

  it('does not ask for the answer to a call that never arrived', () => {
    const { traceId, lines } = recordCompletion({ toolError: new RubotError('unavailable', 'gone') });
    const isTool = (name: unknown): boolean => name === 'POST /data/acme/tools/tables_query/call';
    const arrived = lines.filter((line) => !(isTool(line.extra?.['span_name']) && line.service === 'rubot-middleware'));
    expect(checkCompleteness(buildTrace(traceId, arrived))).toEqual([]);
  });

  it('says so when nothing has been logged yet', () => {
    expect(checkCompleteness(buildTrace('a'.repeat(32), []))).toEqual([expect.stringContaining('no span')]);
  });
});
