import { setTimeout as delay } from 'node:timers/promises';
import { importBearerKeys } from '@rubot/bearer/keys';
import { mintBearer } from '@rubot/bearer/mint';
import { BEARER_MIN_TTL_SECONDS } from '@rubot/contracts/bearer';
import { HEADERS } from '@rubot/contracts/headers';
import { newRunId } from '@rubot/http/run-id';
import type { ModelAnswer, ModelExchange } from '@rubot/testkit/model-upstream';
import { checkCompleteness } from '@rubot/traces/check-completeness';
import { type Trace, walkSpans } from '@rubot/traces/trace';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type HopProxy, startHopProxy } from '../_hop-proxy.ts';
import { linkNewSender, unlinkSender } from '../_senders.ts';
import { type ModelStack, type Speaker, startModelStack } from '../_stack.ts';
import { createDataFolder } from './_data-folder.ts';
import { beginRun, callRuns, readRun, readRunEvents, textOf, untilStatus } from './_runs.ts';

/** The orchestrator renews a bearer as short as these at half of its life. */
const LIFE_MS = BEARER_MIN_TTL_SECONDS * 1_000;
const QUERY = { toolCalls: [{ name: 'tables_query', arguments: { table: 'products', limit: 1 } }] };
const DELETION = {
  toolCalls: [
    {
      name: 'tables_delete_rows',
      arguments: { table: 'orders', where: [{ column: 'order_number', operator: 'eq', value: 'SO-1041' }], expected_rows: 1 },
    },
  ],
};
const QUESTION = { model: 'rubot/tables', messages: [{ role: 'user', content: 'What is there?' }] };

let stack: ModelStack;
/** Between the gateway and the orchestrator, where a bearer can be made older than it is. */
let proxy: HopProxy;
const data = createDataFolder();
beforeAll(async () => {
  proxy = await startHopProxy();
  stack = await startModelStack({
    agents: ['tables'],
    persistDirectory: data.path,
    variables: { orchestrator: { WORKER_SLOTS: '1' } },
    reroute(urls) {
      proxy.forwardTo(urls.orchestrator);
      return { ...urls, orchestrator: proxy.origin };
    },
  });
});
afterAll(async () => {
  await stack.stop();
  await proxy.close();
  data.remove();
});
beforeEach(() => proxy.interfere());

/** From now on runs come with a bearer that was given so long ago. */
async function giveBearers(speaker: Speaker, agedMs: number): Promise<void> {
  const keys = await importBearerKeys({ current: stack.keys.BEARER_SIGNING_SECRET, previous: undefined });
  const subject = { ...speaker, tenantId: stack.demo.tenant_id, runId: newRunId(), scope: ['tools:read', 'tools:write'] } as const;
  const bearer = await mintBearer({ keys, subject, ttlSeconds: BEARER_MIN_TTL_SECONDS, nowMs: Date.now() - agedMs });
  proxy.interfere({ path: /^\/v1\/runs$/, setHeaders: { [HEADERS.dataBearer]: bearer } });
}

/** What the tools have told the model so far. */
function toolResults({ body }: ModelExchange): readonly string[] {
  const messages = body['messages'] as readonly { readonly role: string; readonly content: unknown }[];
  return messages.filter(({ role }) => role === 'tool').map(({ content }) => JSON.stringify(content));
}

function renewalsIn(trace: Trace): number {
  return [...walkSpans(trace.roots)].filter(({ span }) => span.kind === 'client' && span.name === 'POST /internal/bearers').length;
}

/** A run that waits in the queue behind one that holds the only slot, until it is let go. */
async function queue(speaker: Speaker, begin: () => Promise<string>): Promise<{ readonly runId: string; letGo(): void }> {
  const holder = await linkNewSender(stack);
  stack.model.script(() => {});
  const asked = stack.model.nextRequest();
  await beginRun(stack, QUESTION, { speaker: holder });
  const exchange = await asked;
  const runId = await begin();
  expect(await readRun(stack, runId, { speaker })).toMatchObject({ status: 'queued' });
  return { runId, letGo: () => exchange.answer({ text: 'done' }) };
}

describe('a run that outlives its bearer', () => {
  it('goes on with a fresh one, and its tools have the data', async () => {
    const speaker = await linkNewSender(stack);
    await giveBearers(speaker, 2 * LIFE_MS);
    const asked = stack.model.requests.length;
    stack.model.script(QUERY, { text: 'A product.' });
    const { runId, traceId } = await beginRun(stack, QUESTION, { speaker });
    expect(textOf(await readRunEvents(stack, runId, { speaker }))).toBe('A product.');
    const [result] = toolResults(stack.model.requests[asked + 1]!);
    expect(result).toContain('quantity_on_hand');
    const trace = await stack.waitForTrace(traceId, (seen) => renewalsIn(seen) === 1 && checkCompleteness(seen).length === 0);
    expect(trace.runId).toBe(runId);
  });

  it('fails, and asks no model, when its sender was unlinked while it waited', async () => {
    const speaker = await linkNewSender(stack);
    await giveBearers(speaker, 2 * LIFE_MS);
    const { runId, letGo } = await queue(speaker, async () => (await beginRun(stack, QUESTION, { speaker })).runId);
    const asked = stack.model.requests.length;
    await unlinkSender(stack, speaker);
    letGo();
    const line = await stack.waitForLine((candidate) => candidate.run_id === runId && candidate.event_type === 'run.completed');
    expect(line).toMatchObject({ error: { code: 'forbidden' }, extra: { status: 'failed' } });
    expect(stack.model.requests).toHaveLength(asked);
  });
});

describe('a call that was approved', () => {
  it('is not made when its sender is unlinked before the run goes on', async () => {
    const speaker = await linkNewSender(stack);
    stack.model.script({ text: 'I delete it.', ...DELETION });
    const { runId } = await beginRun(stack, QUESTION, { speaker });
    const parked = await untilStatus(stack, runId, 'requires_action', { speaker });
    const callId = parked.required_action?.tool_calls[0]?.tool_call_id ?? '';
    const { letGo } = await queue(speaker, async () => {
      const decided = await callRuns(stack, `/${runId}/approvals/${callId}`, { speaker, body: { decision: 'approve' } });
      expect(decided.status).toBe(200);
      return runId;
    });
    await unlinkSender(stack, speaker);
    letGo();
    const line = await stack.waitForLine((candidate) => candidate.run_id === runId && candidate.event_type === 'run.completed');
    expect(line).toMatchObject({ error: { code: 'forbidden' }, extra: { status: 'failed' } });
    expect(data.readEffects('tables_delete_rows')).toEqual([]);
    expect(data.countRows('orders', 'SO-1041')).toBe(1);
  });
});

describe('a bearer that is about to die in the middle of an answer', () => {
  it('is replaced between two steps, and the run is not begun anew for it', async () => {
    const speaker = await linkNewSender(stack);
    const leftMs = 2_000;
    await giveBearers(speaker, LIFE_MS / 2 - leftMs);
    const dueAtMs = Date.now() + leftMs;
    const answers: readonly ModelAnswer[] = [QUERY, { toolCalls: [{ ...QUERY.toolCalls[0]!, id: 'call_2' }] }, { text: 'Both.' }];
    // The agent goes on until it is left, and what it has asked its model meanwhile it asks again.
    const answer = (exchange: ModelExchange) => exchange.answer(answers[toolResults(exchange).length]!);
    stack.model.script(
      async (exchange) => {
        await delay(dueAtMs + 1_000 - Date.now());
        answer(exchange);
      },
      ...Array.from({ length: 10 }, () => answer),
    );
    const { runId, traceId } = await beginRun(stack, QUESTION, { speaker });
    const events = await readRunEvents(stack, runId, { speaker });
    expect([textOf(events), events.filter(({ type }) => type === 'restart')]).toEqual(['Both.', []]);
    const results = toolResults(stack.model.requests.at(-1)!);
    expect(results).toHaveLength(2);
    for (const result of results) expect(result).toContain('quantity_on_hand');
    await stack.waitForTrace(traceId, (seen) => renewalsIn(seen) === 1 && checkCompleteness(seen).length === 0);
  });
});
