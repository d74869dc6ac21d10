import type { ToolDescription } from '@rubot/contracts/data';
import { createDeadline } from '@rubot/http/deadline';
import { createLogger } from '@rubot/logging';
import { COMMON_EVENTS } from '@rubot/logging/events';
import { startSpan } from '@rubot/logging/span';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createMiddlewareClient, type DataAccess } from './middleware-client.ts';

let nowMs: number;
beforeEach(() => {
  nowMs = 1_000;
  vi.spyOn(performance, 'now').mockImplementation(() => nowMs);
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

function pass(ms: number): void {
  nowMs += ms;
  vi.advanceTimersByTime(ms);
}

const TOOL: ToolDescription = { name: 'tables_query', provider: 'tables', description: 'Reads.', effect: 'read', input_schema: {} };

function accessOf(tenantId: string): DataAccess {
  const source = { service: 'rubot-test', environment: 'development', deploymentHash: 'local', level: 'error' } as const;
  const logger = createLogger({ source, events: COMMON_EVENTS, sink: () => {} });
  const trace = { traceId: 'a'.repeat(32), parentSpanId: undefined };
  const span = startSpan({ logger, ...trace, event: 'request.completed', name: 'POST /', kind: 'server' });
  return { tenantId, bearer: 'the-bearer', span, deadline: createDeadline({ timeoutMs: 600_000 }) };
}

/** A middleware that offers what the test says, and how often it was asked. */
function startMiddleware() {
  const state = { tools: [TOOL], asked: [] as string[] };
  const client = createMiddlewareClient({
    url: 'http://middleware.test',
    async fetch(url) {
      state.asked.push(new URL(url).pathname);
      return Response.json({ tools: state.tools });
    },
  });
  return { state, client };
}

describe('the list of a tenant’s tools', () => {
  it('is offered for two seconds and a half after it was read, and then read again', async () => {
    const { state, client } = startMiddleware();
    expect(await client.listTools(accessOf('acme'))).toEqual([TOOL]);
    state.tools = [];
    pass(2_500);
    expect(await client.listTools(accessOf('acme'))).toEqual([TOOL]);
    pass(1);
    expect(await client.listTools(accessOf('acme'))).toEqual([]);
    expect(state.asked).toHaveLength(2);
  });

  it('is never that of another tenant', async () => {
    const { state, client } = startMiddleware();
    await client.listTools(accessOf('acme'));
    state.tools = [];
    expect(await client.listTools(accessOf('globex'))).toEqual([]);
    expect(state.asked).toEqual(['/data/acme/tools', '/data/globex/tools']);
  });
});
