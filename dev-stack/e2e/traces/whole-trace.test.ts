import { randomBytes } from 'node:crypto';
import { HEADERS } from '@rubot/contracts/headers';
import { TraceId } from '@rubot/contracts/ids';
import { LogLine } from '@rubot/contracts/log';
import { buildTrace } from '@rubot/traces/build-trace';
import { checkCompleteness } from '@rubot/traces/check-completeness';
import { walkSpans } from '@rubot/traces/trace';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ModelStack, postCompletion, startModelStack } from '../_stack.ts';
import { findProblems, outline } from './_proof.ts';
import { askForTool } from './_tool-request.ts';

const TOOL_TRACE = `gateway: POST /v1/chat/completions
  gateway → middleware: POST /internal/sessions/resolve
    middleware: POST /internal/sessions/resolve
  gateway → orchestrator: POST /v1/chat/completions
    orchestrator: POST /v1/chat/completions
      orchestrator: plan
        orchestrator → openai: chat openai/test-model
      orchestrator: slice s1 tables
        orchestrator → agent-tables: POST /v1/chat/completions
          agent-tables: POST /v1/chat/completions
            agent-tables → middleware: GET /data/demo/tools
              middleware: GET /data/demo/tools
            agent-tables → openai: chat openai/test-model
            agent-tables: tool tables_query
              agent-tables → middleware: POST /data/demo/tools/tables_query/call
                middleware: POST /data/demo/tools/tables_query/call
                  middleware: tables_query
            agent-tables → openai: chat openai/test-model`;

/** Lines of one machine share a clock, which counts whole milliseconds. */
const CLOCK_STEP_MS = 1;
/** A caller that has read the last frame may note the end before the one who wrote it does. */
const END_SLACK_MS = 250;

let stack: ModelStack;
const printed: string[] = [];
const noise: string[] = [];

beforeAll(async () => {
  stack = await startModelStack({
    // Enough for all who ask at once: a completion that waits for a slot has a tree of another shape (queued-run.test.ts).
    variables: { orchestrator: { WORKER_SLOTS: '64' } },
    onLine: (line) => printed.push(line),
    onNoise: (line) => noise.push(line),
  });
});
afterAll(() => stack.stop());

describe('one completion that needs a plan, an agent and a tool', () => {
  const canaries = Object.fromEntries(
    ['question', 'instructions', 'toolArgument', 'answer'].map((name) => [name, `canary-${name}-${randomBytes(8).toString('hex')}`]),
  ) as Record<'question' | 'instructions' | 'toolArgument' | 'answer', string>;
  let lines: readonly LogLine[];
  let traceId: string;

  beforeAll(async () => {
    traceId = await askForTool(stack, canaries);
    await stack.waitForTrace(traceId);
    lines = stack.linesOf(traceId);
  });

  it('is one trace with every hop under its caller, up to the model', () => {
    const trace = buildTrace(traceId, lines);
    expect(outline(trace)).toBe(TOOL_TRACE);
    expect(findProblems(trace, stack.model.requests)).toEqual([]);
    expect(stack.model.requests.map(({ headers }) => headers['traceparent']?.slice(3, 35))).toEqual([traceId, traceId, traceId]);
    expect(trace.tokens).toEqual({ input: 33, output: 21 });
  });

  it('has spans that lie within those of their callers', () => {
    const spans = new Map(lines.filter(({ duration_ms }) => duration_ms !== undefined).map((line) => [line.span_id, toInterval(line)]));
    let nested = 0;
    for (const { span, caller } of walkSpans(buildTrace(traceId, lines).roots)) {
      const own = spans.get(span.spanId);
      const outer = spans.get(caller?.spanId);
      if (own === undefined || outer === undefined) continue;
      expect(own.startMs, span.name).toBeGreaterThanOrEqual(outer.startMs - CLOCK_STEP_MS);
      expect(own.endMs, span.name).toBeLessThanOrEqual(outer.endMs + (span.kind === 'server' ? END_SLACK_MS : CLOCK_STEP_MS));
      nested += 1;
    }
    expect(nested).toBe(TOOL_TRACE.split('\n').length - 1);
  });

  it('says on every line for whom it was: tenant, session, sender and run, as soon as they are known', () => {
    const whose = { tenant_id: 'demo', chat_source_session_id: 'demo-session', sender_id: 'demo-sender' };
    const runIds = new Set(lines.map((line) => line.run_id).filter((runId) => runId !== undefined));
    expect(runIds.size).toBe(1);
    const [run_id] = runIds;
    const resolves = lines.filter(isPartOfResolve);
    // The gateway asks for the tenant here, so that its own side does not know it; and the run has no id yet.
    expect(resolves.map(({ service, tenant_id }) => [service, tenant_id])).toContainEqual(['rubot-gateway', undefined]);
    for (const line of resolves) expect(line).toMatchObject({ chat_source_session_id: 'demo-session', sender_id: 'demo-sender' });
    const others = lines.filter((line) => !isPartOfResolve(line));
    expect(others.length).toBeGreaterThan(15);
    for (const line of others) expect(line).toMatchObject({ ...whose, run_id });

    function isPartOfResolve({ span_id }: LogLine): boolean {
      const ids = lines.filter(({ extra }) => extra?.['span_name'] === 'POST /internal/sessions/resolve').map((line) => line.span_id);
      return ids.includes(span_id);
    }
  });

  it('leaves no word of the user, the model or the data in any line of any service, and no secret', () => {
    const text = [...printed, ...noise].join('\n');
    expect(text).toContain(traceId);
    for (const canary of Object.values(canaries)) expect(text).not.toContain(canary);
    // A cell of the row that the tool has read, which the model was given.
    expect(JSON.stringify(stack.model.requests.map(({ body }) => body))).toContain('Harbour Tea Trading');
    expect(text).not.toContain('Harbour Tea Trading');
    for (const [name, key] of Object.entries(stack.keys)) expect(text.includes(key), name).toBe(false);
    expect(text).not.toMatch(/sk-of-the-test|eyJ[\w-]+\.|Bearer /);
  });

  it('is written by every service in the one shape, and no program of ours prints anything else', () => {
    for (const line of printed) expect(() => LogLine.parse(JSON.parse(line)), line).not.toThrow();
    // workerd itself tells of connections that a client has reset.
    expect(noise.filter((line) => !/^workers: workerd\//.test(line))).toEqual([]);
    expect(new Set(printed.map((line) => JSON.parse(line).service))).toEqual(
      new Set([
        'rubot-gateway',
        'rubot-middleware',
        'rubot-orchestrator',
        'rubot-agent-conversational',
        'rubot-agent-tables',
        'rubot-agent-template',
        'workers-host',
        'postgres-host',
      ]),
    );
  });
});

describe('a completion that its client gives up', () => {
  it.each([
    ['before the first word', ''],
    ['in the middle', 'Once upon'],
  ])('is one whole trace as well, cancelled on every hop, when that is %s', async (_, firstWords) => {
    const traceId = randomBytes(16).toString('hex');
    const client = new AbortController();
    const asked = stack.model.nextRequest();
    stack.model.script((exchange) => {
      if (firstWords !== '') exchange.sendText(firstWords);
    });
    const body = { model: 'rubot/conversational', stream: true, messages: [{ role: 'user', content: 'Tell me a story.' }] };
    const answer = postCompletion(stack, body, { signal: client.signal, headers: { [HEADERS.traceId]: traceId } });
    const over = answer.then(ignore, ignore);
    const exchange = await asked;
    if (firstWords !== '') await (await answer).body?.getReader().read();
    client.abort();
    await exchange.aborted;
    await over;

    const hops = ['rubot-gateway', 'rubot-orchestrator', 'rubot-agent-conversational'];
    const trace = await stack.waitForTrace(traceId, (seen) => {
      const isModelSeen = [...walkSpans(seen.roots)].some(({ span }) => span.event === 'model.completed');
      return isModelSeen && checkCompleteness(seen, { requiredServices: hops }).length === 0;
    });
    const failed = [...walkSpans(trace.roots)].filter(({ span }) => span.error !== undefined);
    expect(new Set(failed.map(({ span }) => span.error?.code))).toEqual(new Set(['cancelled']));
    expect(new Set(failed.map(({ span }) => span.service))).toEqual(new Set(hops));
    // Somebody who closes a page is no fault of the platform's.
    expect(stack.linesOf(traceId).filter((line) => line.log_level === 'error')).toEqual([]);
  });
});

describe('the trace id', () => {
  const given = () => randomBytes(16).toString('hex');

  it.each([
    ['traceparent', (traceId: string) => ({ [HEADERS.traceparent]: `00-${traceId}-00f067aa0ba902b7-01` }), '00f067aa0ba902b7'],
    ['X-Rubot-Trace-Id', (traceId: string) => ({ [HEADERS.traceId]: traceId }), undefined],
  ])('is the one that the client gives in %s, on every hop', async (_, toHeaders, parent) => {
    const traceId = given();
    const firstRequest = stack.model.requests.length;
    expect(await askForTool(stack, { question: 'which?', headers: toHeaders(traceId) })).toBe(traceId);
    const trace = await stack.waitForTrace(traceId);
    expect(findProblems(trace, stack.model.requests.slice(firstRequest))).toEqual([]);
    expect(trace.roots.map(({ parentSpanId }) => parentSpanId)).toEqual([parent]);
  });

  it.each([
    ['too short', 'abc123'],
    ['not hex', 'z'.repeat(32)],
    ['upper case', 'A'.repeat(32)],
    ['all zero', '0'.repeat(32)],
    ['a script', '<script>alert(1)</script>0000000'],
    ['a query', `${'a'.repeat(31)}"`],
  ])('is a new one where the client gives one that is %s', async (_, forged) => {
    const headers = { [HEADERS.traceId]: forged, [HEADERS.traceparent]: `00-${forged}-00f067aa0ba902b7-01` };
    const traceId = await askForTool(stack, { question: 'which?', headers });
    expect(TraceId.safeParse(traceId).success).toBe(true);
    expect(traceId).not.toBe(forged);
    await stack.waitForTrace(traceId);
    expect(printed.some((line) => line.includes(forged))).toBe(false);
  });

  it('keeps apart what runs at the same time', { timeout: 60_000 }, async () => {
    const count = 50;
    const firstRequest = stack.model.requests.length;
    const asked = Array.from({ length: count }, (_, index) => ({ question: `question-${index}-end`, sessionId: `concurrent-${index}` }));
    const traceIds = await Promise.all(asked.map(({ question, sessionId }) => askForTool(stack, { question, speaker: { sessionId } })));
    expect(new Set(traceIds).size).toBe(count);
    const modelRequests = stack.model.requests.slice(firstRequest);
    let whole = 0;
    for (const [index, traceId] of traceIds.entries()) {
      const trace = await stack.waitForTrace(traceId);
      expect(withoutListing(withoutAskingAgain(outline(trace)))).toBe(withoutListing(TOOL_TRACE));
      expect(findProblems(trace, modelRequests)).toEqual([]);
      const lines = stack.linesOf(traceId);
      expect(new Set(lines.map((line) => line.chat_source_session_id))).toEqual(new Set([asked[index]?.sessionId]));
      expect(new Set(lines.map((line) => line.run_id).filter((runId) => runId !== undefined)).size).toBe(1);
      const told = modelRequests.filter(({ headers }) => headers['traceparent']?.includes(traceId));
      expect(told.map(({ body }) => JSON.stringify(body).includes(asked[index]?.question ?? '?'))).toEqual([true, true, true]);
      whole += 1;
    }
    expect(whole).toBe(count);
  });
});

// The client itself ended it.
function ignore(): void {}

/** The agent remembers the list of the tenant's tools for a while, so that not every request asks for it. */
function withoutListing(tree: string): string {
  return tree.replace(/.*GET \/data\/demo\/tools\n/g, '');
}

/** Of an answer that takes longer than a moment the gateway asks again whether its caller still has access. */
function withoutAskingAgain(tree: string): string {
  const asking = /\n {2}gateway → middleware: POST \/internal\/sessions\/resolve\n {4}middleware: POST \/internal\/sessions\/resolve/g;
  let count = 0;
  return tree.replace(asking, (lines) => {
    count += 1;
    return count === 1 ? lines : '';
  });
}

function toInterval({ timestamp, duration_ms = 0 }: LogLine): { readonly startMs: number; readonly endMs: number } {
  const endMs = Date.parse(timestamp);
  return { startMs: endMs - duration_ms, endMs };
}
