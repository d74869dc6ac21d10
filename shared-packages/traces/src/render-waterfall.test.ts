import { RubotError } from '@rubot/errors';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { recordCompletion, type SampleOptions } from '../tests/sample-trace.ts';
import { buildTrace } from './build-trace.ts';
import { renderWaterfall } from './render-waterfall.ts';

const TRACE_ID = 'a'.repeat(32);

function render(options: SampleOptions, width: number, color = false): string {
  const { lines } = recordCompletion({ traceId: TRACE_ID, ...options });
  return renderWaterfall(buildTrace(TRACE_ID, lines), { width, color });
}

describe('renderWaterfall', () => {
  it('shows callers, called, bars, durations and tokens', () => {
    expect(`\n${render({}, 110)}`).toMatchInlineSnapshot(`
      "
      trace aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
      POST /v1/chat/completions → 200 · 383 ms · 13 spans · 4 services · 60→15 tokens
      tenant acme · sender ada · session session-1 · run_00000000000000000000000000000001

      gateway  POST /v1/chat/completions                       ████████████████    383 ms
        → middleware  POST /internal/sessions/resolve          ▏                    11 ms
          middleware                                           ▏                     9 ms
        → orchestrator  POST /v1/chat/completions              ███████████████     368 ms
          orchestrator                                         ███████████████     366 ms
            → demo  model                                      ██                   40 ms  20→5 tokens demo/scripted
            → agent-tables  POST /v1/chat/completions            █████████████     322 ms
              agent-tables                                       █████████████     320 ms
                → demo  model                                    ████              100 ms  20→5 tokens demo/scripted
                tool tables_query                                    █              16 ms
                  → middleware  POST /data/acme/tools/tables…        █              16 ms
                    middleware                                       █              14 ms
                → demo  model                                         ████████     200 ms  20→5 tokens demo/scripted

      complete: every hop of this request is here
      "
    `);
  });

  it('shows what failed first, once, where it began', () => {
    const text = render({ toolError: new RubotError('unavailable', 'The data store cannot be reached. Try again in a moment.') }, 100);
    expect(text.split('\n\n')[1]).toMatchInlineSnapshot(`
      "✗ rubot-middleware POST /data/acme/tools/tables_query/call: unavailable: The data store cannot be
        reached. Try again in a moment. [seen by rubot-agent-tables]"
    `);
    expect(text).toContain('✗ unavailable');
  });

  it('says what a trace lacks, and whose clock is off', () => {
    const text = render({ headerDroppedBy: 'rubot-orchestrator', clockOffsetMs: { 'rubot-middleware': 9_000 } }, 200);
    expect(text.split('\n\n').at(-1)).toMatchInlineSnapshot(`
      "incomplete: rubot-orchestrator called rubot-agent-tables (POST /v1/chat/completions), but the trace has no server span of rubot-agent-tables under that call
      the clock of rubot-middleware is 9.00 s ahead of its caller's; its bars are moved
      "
    `);
  });

  it('keeps every line within the terminal, however narrow', () => {
    const toolError = new RubotError('unavailable', 'x'.repeat(300));
    fc.assert(
      fc.property(fc.integer({ min: -5, max: 300 }), fc.boolean(), (width, fails) => {
        const lines = render(fails ? { toolError } : {}, width).split('\n');
        expect(Math.max(...lines.map((line) => [...line].length))).toBeLessThanOrEqual(Math.max(20, width));
      }),
    );
  });

  it('lets no text of a log line move the cursor', () => {
    const { lines } = recordCompletion({ traceId: TRACE_ID, toolError: new RubotError('unavailable', 'gone\u001b[2J\rnothing here') });
    const hostile = lines.map((line) => ({ ...line, tenant_id: 'a\u001b]0;x\u0007', extra: { ...line.extra, model: '\u009b31m' } }));
    const text = renderWaterfall(buildTrace(TRACE_ID, hostile), { width: 100, color: false });
    expect([...text].filter((character) => character !== '\n' && /\p{Cc}/u.test(character))).toEqual([]);
  });

  it('colours only when asked', () => {
    expect(render({}, 100, true)).toContain('\u001b[');
    expect(render({}, 100)).not.toContain('\u001b[');
  });

  it('shows a trace of a single line', () => {
    const { lines } = recordCompletion({ traceId: TRACE_ID });
    const [first] = lines.filter((line) => line.event_type === 'agent.log');
    expect(renderWaterfall(buildTrace(TRACE_ID, [first!]), { width: 80, color: false })).toContain('no span of this trace has ended yet');
  });
});
