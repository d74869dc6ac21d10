import { HEADERS } from '@rubot/contracts/headers';
import { type FakeAgent, startFakeAgent } from '@rubot/testkit/fake-agent';
import { readAgentRequest } from '@rubot/testkit/fake-agent/agent-request';
import { followPlan, type PlanStep } from '@rubot/testkit/fake-agent/follow-plan';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type DatabaseOfTest, openTestDatabase } from './_database.ts';
import {
  ask,
  contentOf,
  gatewayHeaders,
  type Orchestrator,
  RUN_ID,
  readCompletion,
  readError,
  readStream,
  startOrchestrator,
} from './_harness.ts';
import { askRuns, readEvents, readPage, readRun, readRuns, textOf } from './_runs.ts';
import { countRows, headersOf, questionOf, startRun, untilStatus } from './_sending.ts';

const PLAN: PlanStep[] = [
  {
    text: 'I ask.',
    calls: [
      { id: 'pay', name: 'refund', needsApproval: true },
      { id: 'tell', name: 'mail', needsApproval: true },
    ],
  },
  { text: 'Done.' },
];

let tables: FakeAgent;
let database: DatabaseOfTest;
let effects: string[];
beforeEach(async () => {
  tables = await startFakeAgent({ id: 'tables' });
  database = await openTestDatabase();
  effects = [];
  tables.onCompletion(
    followPlan(PLAN, {
      runCall: ({ id }) => {
        effects.push(id);
        return `result of ${id}`;
      },
    }),
  );
});
afterEach(() => tables.close());

function start(env: Record<string, string> = {}): Promise<Orchestrator> {
  return startOrchestrator({ agents: [tables], database, env });
}

async function startParked(orchestrator: Orchestrator): Promise<void> {
  await startRun(orchestrator, 'refund me', { runId: RUN_ID });
  await untilStatus(database, 'requires_action', 1);
}

function decide(
  { url }: Orchestrator,
  callId: string,
  body: unknown,
  { runId = RUN_ID, headers = {} }: { runId?: string; headers?: Record<string, string> } = {},
): Promise<Response> {
  return fetch(`${url}/v1/runs/${runId}/approvals/${callId}`, {
    method: 'POST',
    headers: { ...gatewayHeaders(), ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}

const APPROVE = { decision: 'approve' };
const REJECT = { decision: 'reject', comment: 'Too much.' };

describe('a decision', () => {
  const cases: [string, string, unknown, { runId?: string; headers?: Record<string, string> }, number, string][] = [
    ['of no run that there is', 'pay', APPROVE, { runId: `run_${'0c'.repeat(16)}` }, 404, 'not_found'],
    ['of a run that is none', 'pay', APPROVE, { runId: 'run_1' }, 404, 'not_found'],
    ['of another sender', 'pay', APPROVE, { headers: { [HEADERS.senderId]: '+15550199' } }, 404, 'not_found'],
    ['of another tenant', 'pay', APPROVE, { headers: { [HEADERS.tenantId]: 'other' } }, 404, 'not_found'],
    ['of a call that the run does not wait for', 'other', APPROVE, {}, 404, 'not_found'],
    ['that is none', 'pay', { decision: 'maybe' }, {}, 400, 'invalid_request'],
    ['with a field that is none', 'pay', { ...APPROVE, amount: 6 }, {}, 400, 'invalid_request'],
    ['with a comment that is too long', 'pay', { ...REJECT, comment: 'x'.repeat(2_001) }, {}, 400, 'invalid_request'],
    ['in no JSON', 'pay', 'yes', {}, 400, 'invalid_request'],
    ['without a bearer', 'pay', APPROVE, { headers: { [HEADERS.dataBearer]: '' } }, 400, 'invalid_request'],
    ['without the hop key', 'pay', APPROVE, { headers: { authorization: 'Bearer wrong' } }, 401, 'invalid_api_key'],
  ];

  it.each(cases)('%s is refused, and changes nothing', async (_, callId, body, options, status, code) => {
    const orchestrator = await start();
    await startParked(orchestrator);
    const before = [await countRows(database), await readRun(orchestrator, RUN_ID)];
    expect(await readError(await decide(orchestrator, callId, body, options))).toMatchObject({ status, code });
    expect([await countRows(database), await readRun(orchestrator, RUN_ID)]).toEqual(before);
    expect(effects).toEqual([]);
  });

  it('is made once, says what was decided to who comes too late, and lets the run go on with the last one', async () => {
    const orchestrator = await start();
    await startParked(orchestrator);
    const first = await decide(orchestrator, 'pay', REJECT);
    expect([first.status, await first.json()]).toMatchObject([
      200,
      { status: 'requires_action', required_action: { tool_calls: [{ tool_call_id: 'tell', name: 'mail' }] } },
    ]);
    expect(await readError(await decide(orchestrator, 'pay', APPROVE))).toMatchObject({
      status: 409,
      code: 'conflict',
      message: expect.stringContaining('decided already: reject'),
    });
    expect(tables.completions).toHaveLength(1);
    expect((await decide(orchestrator, 'tell', APPROVE)).status).toBe(200);
    const events = await readEvents(orchestrator, RUN_ID);
    expect(events.filter(({ type }) => type === 'approval').map(({ data }) => data)).toEqual([
      { tool_call_id: 'pay', name: 'refund', decision: 'reject' },
      { tool_call_id: 'tell', name: 'mail', decision: 'approve' },
    ]);
    expect(textOf(events)).toBe('I ask.\n\nDone.');
    expect(readAgentRequest(tables.completions[1]!).decisions).toMatchObject({ pay: REJECT, tell: APPROVE });
    expect(effects).toEqual(['tell']);
    for (const callId of ['pay', 'tell'])
      expect(await readError(await decide(orchestrator, callId, APPROVE))).toMatchObject({ status: 409, code: 'conflict' });
  });

  it('is one of those that were made at once', async () => {
    const orchestrator = await start();
    await startParked(orchestrator);
    await decide(orchestrator, 'pay', APPROVE);
    const copies = await Promise.all(
      Array.from({ length: 10 }, (_, index) => decide(orchestrator, 'tell', index % 2 === 0 ? APPROVE : REJECT)),
    );
    expect(copies.map(({ status }) => status).sort()).toEqual([200, ...Array(9).fill(409)]);
    const taken = copies.findIndex(({ status }) => status === 200) % 2 === 0;
    await untilStatus(database, 'completed');
    expect(effects).toEqual(taken ? ['pay', 'tell'] : ['pay']);
    expect((await countRows(database))['tickets']).toBe(0);
    expect(tables.completions).toHaveLength(2);
  });

  it('on a run that nobody has parked is refused, and says how the run is', async () => {
    const api = await start({ RUBOT_ROLE: 'api' });
    await startRun(api, 'hi', { runId: RUN_ID });
    expect(await readError(await decide(api, 'pay', APPROVE))).toMatchObject({ status: 409, message: expect.stringContaining('queued') });
  });
});

describe('a run that waits for a person', () => {
  it('takes no slot and no lease, is not swept, and is found among those that wait', async () => {
    const orchestrator = await start({ WORKER_SLOTS: '1' });
    await startParked(orchestrator);
    await orchestrator.deps.sweeper.sweep();
    expect(await database.query('SELECT status, lease_until, worker_id, crash_count FROM runs')).toEqual([
      { status: 'requires_action', lease_until: null, worker_id: null, crash_count: 0 },
    ]);
    expect((await countRows(database))['tickets']).toBe(0);
    const { data } = await readRuns(orchestrator, '?status=requires_action');
    expect(data.map(({ id }) => id)).toEqual([RUN_ID]);
  });

  it('goes on days later, on another worker, with the rights of who decided, though its client had minutes', async () => {
    const first = await start();
    const answer = await first.complete(ask('refund me'), {
      headers: headersOf({ runId: RUN_ID, headers: { [HEADERS.timeoutMs]: '2000' } }),
    });
    expect((await readCompletion(answer)).rubot?.['status']).toBe('requires_action');
    await first.deps.dispatcher.stop();
    await database.query("UPDATE runs SET created_at = created_at - interval '10 days', deadline_at = deadline_at - interval '10 days'");
    const second = await start();
    const headers = { [HEADERS.dataBearer]: 'a-fresh-bearer' };
    for (const callId of ['pay', 'tell']) expect((await decide(second, callId, APPROVE, { headers })).status).toBe(200);
    expect(textOf(await readEvents(second, RUN_ID))).toBe('I ask.\n\nDone.');
    expect(tables.completions[1]?.headers[HEADERS.dataBearer]).toBe('a-fresh-bearer');
    expect(Number(tables.completions[1]?.headers[HEADERS.timeoutMs])).toBeGreaterThan(60_000);
    expect(await database.query('SELECT status, crash_count, failure_count FROM runs')).toEqual([
      { status: 'completed', crash_count: 0, failure_count: 0 },
    ]);
  });

  it('stands before those that came later when it goes on', async () => {
    const orchestrator = await start({ WORKER_SLOTS: '1' });
    await startParked(orchestrator);
    tables.onCompletion((exchange) => exchange.begin());
    await startRun(orchestrator, 'busy', { tenantId: 'a' });
    await vi.waitFor(() => expect(tables.completions).toHaveLength(2));
    await startRun(orchestrator, 'later', { tenantId: 'b', headers: { [HEADERS.priority]: 'normal' } });
    await decide(orchestrator, 'pay', APPROVE);
    await decide(orchestrator, 'tell', APPROVE);
    tables.onCompletion((exchange) =>
      questionOf(exchange) === 'refund me' ? followPlan(PLAN)(exchange) : exchange.answer({ text: 'done' }),
    );
    tables.completions.at(-1)?.answer({ text: 'done' });
    await vi.waitFor(() => expect(tables.completions).toHaveLength(4));
    expect(tables.completions[2]?.headers[HEADERS.runId]).toBe(RUN_ID);
  });

  it('can be cancelled, and then waits for nobody', async () => {
    const orchestrator = await start();
    await startParked(orchestrator);
    expect((await askRuns(orchestrator, `/${RUN_ID}/cancel`, { method: 'POST' })).status).toBe(200);
    expect(await readRun(orchestrator, RUN_ID)).toMatchObject({ status: 'cancelled', required_action: null });
    expect(await readError(await decide(orchestrator, 'pay', APPROVE))).toMatchObject({
      status: 409,
      message: expect.stringContaining('cancelled'),
    });
    expect(tables.completions).toHaveLength(1);
  });

  it.each([false, true])('tells so to a client whose answer comes from another process (stream: %s)', async (stream) => {
    const api = await start({ RUBOT_ROLE: 'api' });
    await start({ RUBOT_ROLE: 'worker' });
    const response = await api.complete(ask('refund me', { stream }), { headers: headersOf({ runId: RUN_ID, key: 'k' }) });
    const report = { status: 'requires_action', required_action: { tool_calls: [{ tool_call_id: 'pay' }, { tool_call_id: 'tell' }] } };
    const text = 'I ask.\n\n(Waiting for a person to approve `refund`, `mail`. The answer goes on when that is decided.)';
    if (stream) {
      const read = await readStream(response);
      expect([read.text, read.isDone, read.chunks.at(-1)?.rubot]).toMatchObject([text, true, report]);
    } else {
      const completion = await readCompletion(response);
      expect([contentOf(completion), completion.rubot]).toMatchObject([text, report]);
    }
    expect((await readPage(api, RUN_ID)).data.at(-1)?.type).toBe('requires_action');
  });

  it('tells a client that comes back what is still to be decided, and in the end the whole answer', async () => {
    const orchestrator = await start();
    const again = () => orchestrator.complete(ask('refund me'), { headers: headersOf({ key: 'k' }) });
    const runId = (await readCompletion(await again())).rubot?.run_id ?? '';
    await decide(orchestrator, 'pay', APPROVE, { runId });
    expect((await readCompletion(await again())).rubot).toMatchObject({
      status: 'requires_action',
      required_action: { tool_calls: [{ tool_call_id: 'tell' }] },
    });
    await decide(orchestrator, 'tell', APPROVE, { runId });
    expect(contentOf(await readCompletion(await again()))).toBe('I ask.\n\nDone.');
    expect(effects).toEqual(['pay', 'tell']);
  });
});
