import { RubotReport } from '@rubot/contracts/chat-response';
import { HEADERS } from '@rubot/contracts/headers';
import { checkCompleteness } from '@rubot/traces/check-completeness';
import { walkSpans } from '@rubot/traces/trace';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Stack, startStack } from '../../src/stack/start-stack.ts';
import { linkNewSender, linkSender, unlinkSender } from '../_senders.ts';
import { connect, SDKS } from '../clients/_client.ts';
import { expectRefusal } from '../clients/_refusal.ts';
import { createDataFolder } from './_data-folder.ts';
import { beginRun, callRuns, type RunCall, readRun, readRunEvents, textOf, untilStatus } from './_runs.ts';

const DELETE = 'tables_delete_rows';
const SHORT_LEASE = { RUN_LEASE_MS: '1000', RUN_HEARTBEAT_MS: '300', SWEEP_INTERVAL_MS: '100' };
/** Each test deletes one of its own. */
const ORDERS = Array.from({ length: 40 }, (_, index) => `${1041 + index}`);

// No model is configured: what is proved here is what a newcomer has.
let stack: Stack;
const data = createDataFolder();
beforeAll(async () => {
  stack = await startStack({ agents: ['tables'], persistDirectory: data.path, variables: { orchestrator: SHORT_LEASE } });
});
afterAll(async () => {
  await stack.stop();
  data.remove();
});

function toRequest(order: string) {
  return { messages: [{ role: 'user', content: `Delete the order ${order}` }] };
}

interface ParkedRun {
  readonly order: string;
  readonly runId: string;
  readonly callId: string;
  readonly traceId: string;
}

/** A run that waits for a person to say whether an order may be deleted. */
async function park(call: RunCall = {}): Promise<ParkedRun> {
  const order = ORDERS.shift() ?? '';
  const { runId, traceId } = await beginRun(stack, toRequest(order), call);
  const run = await untilStatus(stack, runId, 'requires_action', call);
  return { order, runId, traceId, callId: run.required_action?.tool_calls[0]?.tool_call_id ?? '' };
}

function decide({ runId, callId }: ParkedRun, decision: string, call: RunCall & { readonly comment?: string } = {}): Promise<Response> {
  const { comment, ...rest } = call;
  return callRuns(stack, `/${runId}/approvals/${callId}`, { ...rest, body: { decision, ...(comment === undefined ? {} : { comment }) } });
}

function effectsOf({ runId }: ParkedRun): readonly string[] {
  return data.readEffects(DELETE).flatMap((effect) => (effect.idempotency_key.startsWith(`${runId}/`) ? [effect.result] : []));
}

function expectDeletedOnce(run: ParkedRun): void {
  expect(effectsOf(run)).toEqual([JSON.stringify({ table: 'orders', deleted: 1 })]);
  expect(data.countRows('orders', `SO-${run.order}`)).toBe(0);
}

function expectNotDeleted(run: ParkedRun): void {
  expect(effectsOf(run)).toEqual([]);
  expect(data.countRows('orders', `SO-${run.order}`)).toBe(1);
}

describe.each(SDKS)('a completion of $name that asks to delete', (sdk) => {
  it.each([false, true])('ends with words that say what it waits for, and deletes nothing (stream: %s)', async (stream) => {
    const order = ORDERS.shift() ?? '';
    const { client } = connect(sdk, stack);
    const request = { model: 'rubot', messages: [{ role: 'user' as const, content: `Delete the order ${order}` }] };
    const chunks: object[] = [];
    const completion = stream
      ? await client.chat.completions
          .stream(request)
          .on('chunk', (chunk) => chunks.push(chunk))
          .finalChatCompletion()
      : await client.chat.completions.create(request);
    const [choice] = completion.choices;
    expect(choice?.message.content).toMatch(new RegExp(`I am going to delete:.*SO-${order}.*person to approve \`${DELETE}\``, 's'));
    expect([choice?.finish_reason, choice?.message.tool_calls ?? []]).toEqual(['stop', []]);
    const last = stream ? chunks.findLast((chunk) => 'rubot' in chunk) : completion;
    const report = RubotReport.parse((last as { readonly rubot?: unknown }).rubot);
    const [call] = report.required_action?.tool_calls ?? [];
    expect(report.status).toBe('requires_action');
    expect(call).toMatchObject({ name: DELETE, agent_id: 'tables', slice_id: 's1' });
    expect(JSON.parse(call?.arguments ?? '')).toMatchObject({ table: 'orders', expected_rows: 1 });
    const runId = report.run_id ?? '';
    expect(await readRun(stack, runId)).toMatchObject({ status: 'requires_action', required_action: report.required_action });
    const parked = { order, runId, callId: call?.tool_call_id ?? '', traceId: '' };
    expectNotDeleted(parked);
    // Its own next request decides, by the SDK as well.
    await client.post(`/runs/${runId}/approvals/${parked.callId}`, { body: { decision: 'approve' } });
    expect(textOf(await readRunEvents(stack, runId))).toContain('Deleted: 1 of orders.');
    expectDeletedOnce(parked);
  });
});

describe('a call that waits for a person', () => {
  it('is not made when it is rejected; the answer says so, in the person’s words', async () => {
    const parked = await park();
    const response = await decide(parked, 'reject', { comment: 'not this customer' });
    expect([response.status, await response.json()]).toMatchObject([200, { id: parked.runId, required_action: null }]);
    const events = await readRunEvents(stack, parked.runId);
    expect(textOf(events)).toMatch(/I deleted nothing\. A person rejected this call\..*They said: not this customer/);
    expect(events.at(-1)).toMatchObject({ type: 'end', data: { status: 'completed' } });
    const told = events.filter(({ type }) => ['requires_action', 'approval', 'restart'].includes(type));
    expect(told.map(({ type, data: { decision } }) => [type, decision])).toEqual([
      ['requires_action', undefined],
      ['approval', 'reject'],
      ['restart', undefined],
    ]);
    expectNotDeleted(parked);
  });

  it('is made exactly once when it is approved, and is on record', async () => {
    const parked = await park();
    expectNotDeleted(parked);
    expect((await decide(parked, 'approve')).status).toBe(200);
    expect(textOf(await readRunEvents(stack, parked.runId))).toContain('Deleted: 1 of orders.');
    expectDeletedOnce(parked);
    const trace = await stack.waitForTrace(parked.traceId, (seen) => {
      const attempts = [...walkSpans(seen.roots)].filter(({ span }) => span.event === 'run.worked');
      return attempts.length === 2 && checkCompleteness(seen).length === 0;
    });
    expect(trace.runId).toBe(parked.runId);
  });

  it('is decided once, however many decide at once', async () => {
    const parked = await park();
    const copies = await Promise.all(Array.from({ length: 8 }, () => decide(parked, 'approve')));
    expect(copies.map(({ status }) => status).sort()).toEqual([200, ...Array.from({ length: 7 }, () => 409)]);
    await expectRefusal(await decide(parked, 'approve'), { status: 409, code: 'conflict' });
    await untilStatus(stack, parked.runId, 'completed');
    const message = await expectRefusal(await decide(parked, 'reject'), { status: 409, code: 'conflict' });
    expect(message).toContain(`/v1/runs/${parked.runId}`);
    expectDeletedOnce(parked);
  });

  it('may be decided again under the key of the decision', async () => {
    const parked = await park();
    const headers = { [HEADERS.idempotencyKey]: `decision-${parked.order}` };
    const [first, again] = [await decide(parked, 'approve', { headers }), await decide(parked, 'approve', { headers })];
    expect([first.status, again.status, again.headers.get(HEADERS.idempotentReplayed)]).toEqual([200, 200, 'true']);
    expect((await decide(parked, 'reject', { headers })).status).toBe(422);
    await untilStatus(stack, parked.runId, 'completed');
    expectDeletedOnce(parked);
  });

  it('waits though the orchestrator is killed before it is decided, and is made by the next one', { timeout: 60_000 }, async () => {
    const parked = await park();
    await stack.killService('orchestrator');
    expect((await decide(parked, 'approve')).status).toBe(503);
    await stack.startService('orchestrator');
    expect(await readRun(stack, parked.runId)).toMatchObject({ status: 'requires_action' });
    expectNotDeleted(parked);
    expect((await decide(parked, 'approve')).status).toBe(200);
    await untilStatus(stack, parked.runId, 'completed');
    expectDeletedOnce(parked);
  });

  it('is made once though the orchestrator is killed behind the decision', { timeout: 60_000 }, async () => {
    const parked = await park();
    expect((await decide(parked, 'approve')).status).toBe(200);
    await stack.killService('orchestrator');
    await stack.startService('orchestrator');
    expect(textOf(await readRunEvents(stack, parked.runId))).toContain('Deleted: 1 of orders.');
    expectDeletedOnce(parked);
  });

  it('is not made any more when its run is cancelled', async () => {
    const parked = await park();
    expect((await callRuns(stack, `/${parked.runId}/cancel`, { method: 'POST' })).status).toBe(200);
    await expectRefusal(await decide(parked, 'approve'), { status: 409, code: 'conflict' });
    expectNotDeleted(parked);
  });

  it('is decided by its sender alone, in words that are a decision, and by its id', async () => {
    const parked = await park();
    const speaker = await linkNewSender(stack);
    await expectRefusal(await decide(parked, 'approve', { speaker }), { status: 404, code: 'not_found' });
    await expectRefusal(await decide(parked, 'maybe'), { status: 400, code: 'invalid_request', param: 'decision' });
    await expectRefusal(await decide({ ...parked, callId: 'call_of_another' }, 'approve'), { status: 404, code: 'not_found' });
    expect(await readRun(stack, parked.runId)).toMatchObject({ status: 'requires_action' });
    expectNotDeleted(parked);
  });

  it('cannot be approved by a sender who was unlinked meanwhile, and can when it is linked again', async () => {
    const speaker = await linkNewSender(stack);
    const parked = await park({ speaker });
    await unlinkSender(stack, speaker);
    await expectRefusal(await decide(parked, 'approve', { speaker }), { status: 403, code: 'forbidden' });
    expectNotDeleted(parked);
    await linkSender(stack, speaker);
    expect((await decide(parked, 'approve', { speaker })).status).toBe(200);
    await untilStatus(stack, parked.runId, 'completed', { speaker });
    expectDeletedOnce(parked);
  });
});
