import { PLANNED_MODEL } from '@rubot/contracts/models';
import { checkCompleteness } from '@rubot/traces/check-completeness';
import { type Trace, walkSpans } from '@rubot/traces/trace';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ModelStack, postCompletion, startModelStack } from '../_stack.ts';
import { beginRun, readRunEvents, untilQueued, untilStatus } from '../runs/_runs.ts';
import { outline } from './_proof.ts';

const SERVICES = ['rubot-gateway', 'rubot-middleware', 'rubot-orchestrator', 'rubot-agent-conversational'];

function outlineOf(route: string): string {
  return `gateway: ${route}
  gateway → middleware: POST /internal/sessions/resolve
    middleware: POST /internal/sessions/resolve
  gateway → orchestrator: ${route}
    orchestrator: ${route}
      orchestrator: attempt 1, 0 steps done
        orchestrator: plan
        orchestrator: slice s1 conversational
          orchestrator → agent-conversational: POST /v1/chat/completions
            agent-conversational: POST /v1/chat/completions
              agent-conversational → openai: chat openai/test-model`;
}

let stack: ModelStack;
beforeAll(async () => {
  stack = await startModelStack({ agents: ['conversational'], variables: { orchestrator: { WORKER_SLOTS: '1' } } });
});
afterAll(() => stack.stop());

let sessions = 0;
/** The gateway remembers who speaks in a session; in a new one each trace has the hop by which it finds out. */
function inNewSession() {
  sessions += 1;
  return { sessionId: `queued-${sessions}` };
}

function ask(question: string): { readonly model: string; readonly messages: readonly unknown[] } {
  return { model: PLANNED_MODEL, messages: [{ role: 'user', content: question }] };
}

/** Of a run that goes on when its request has been answered, a trace is whole before it is all there. */
function hasAttempt(trace: Trace): boolean {
  const worked = [...walkSpans(trace.roots)].filter(({ span }) => span.event === 'run.worked');
  return worked.length === 1 && checkCompleteness(trace, { requiredServices: SERVICES }).length === 0;
}

it('a run for which nobody waits is one whole trace: the attempt hangs under the request that asked for it', async () => {
  const { runId, traceId } = await beginRun(stack, ask('later'), { speaker: inNewSession() });
  expect((await readRunEvents(stack, runId)).at(-1)).toMatchObject({ type: 'end', data: { status: 'completed' } });
  const trace = await stack.waitForTrace(traceId, hasAttempt);
  expect(outline(trace)).toBe(outlineOf('POST /v1/runs'));
  expect(trace).toMatchObject({ runId, tokens: { input: 11, output: 7 } });
  expect(stack.model.requests.at(-1)?.headers['traceparent']).toContain(traceId);
});

it('a completion that waited for a slot is one whole trace, its attempt included', async () => {
  stack.model.script(() => {});
  const begun = stack.model.nextRequest();
  const holder = postCompletion(stack, ask('hold the slot'));
  const held = await begun;
  const next = stack.model.nextRequest();
  const waiting = await beginRun(stack, ask('wait as well'), { speaker: inNewSession() });
  const traceId = 'c0ffee00'.repeat(4);
  const { sessionId } = inNewSession();
  const headers = { 'x-rubot-trace-id': traceId, 'x-chat-source-session-id': sessionId };
  const answer = postCompletion(stack, ask('wait for the slot'), { headers });
  await untilQueued(stack, 2);
  held.answer({ text: 'done' });
  expect((await holder).status).toBe(200);
  expect((await answer).status).toBe(200);
  // Completions stand before runs.
  expect((await next).headers['traceparent']).toContain(traceId);
  expect(outline(await stack.waitForTrace(traceId, hasAttempt))).toBe(outlineOf('POST /v1/chat/completions'));
  await untilStatus(stack, waiting.runId, 'completed');
  await stack.waitForTrace(waiting.traceId, hasAttempt);
});
