import { expect, it } from 'vitest';
import { type AgentHarness, readStream } from './harness.ts';
import { createHeldRun, decided, expectHeld, QUESTION } from './held-run.ts';

/** For agents that use the middleware: what needs approval is run when a person has given it, and never otherwise. */
export function checkApprovals(harness: () => AgentHarness, provider: string): void {
  const {
    calls: { change, erase },
    begin,
    goOn,
    watchCalls,
  } = createHeldRun(harness, provider);

  it('are not run without a decision, however often they come back', async () => {
    const { model } = harness();
    const ran = watchCalls();
    const { step } = await begin(erase);
    const asked = model.requests.length;
    expect(step.pending).toEqual([{ tool_call_id: 'call_erase', awaits: 'approval' }]);
    const again = expectHeld(await readStream(await goOn([step], decided({ call_other: { decision: 'approve' } }))));
    expect(again).toMatchObject({ messages: [], usage: { total_tokens: 0 }, pending: step.pending });
    expect([ran(), model.requests.length]).toEqual([[], asked]);
  });

  it('are run when they were approved', async () => {
    const { step } = await begin(erase);
    const ran = watchCalls();
    harness().model.script({ text: 'Erased.' });
    const { text, steps } = await readStream(await goOn([step], decided({ call_erase: { decision: 'approve' } })));
    expect({ text, ran: ran() }).toEqual({ text: 'Erased.', ran: ['call_erase'] });
    expect(steps[0]?.messages).toEqual([{ role: 'tool', tool_call_id: 'call_erase', content: '{"done":{"key":"e"}}' }]);
  });

  it('are not run when they were rejected, and the model is told why', async () => {
    const { step } = await begin(erase);
    const { model } = harness();
    const ran = watchCalls();
    model.script({ text: 'Kept.' });
    const decision = { decision: 'reject', comment: 'Nicht „löschen“, bitte 保留.' };
    const { text, steps } = await readStream(await goOn([step], decided({ call_erase: decision })));
    expect({ text, ran: ran() }).toEqual({ text: 'Kept.', ran: [] });
    expect(steps[0]?.messages[0]?.content).toMatch(/^A person rejected this call\. .* They said: Nicht „löschen“, bitte 保留\.$/);
    expect(JSON.stringify(model.requests.at(-1)?.body['messages'])).toContain('bitte 保留');
  });

  it('wait on where only the others of their step may be run', async () => {
    const { model } = harness();
    const { step } = await begin(change, erase, { ...erase, id: 'call_third' });
    expect(step.pending?.map(({ awaits }) => awaits)).toEqual(['commit', 'approval', 'approval']);
    const ran = watchCalls();
    const asked = model.requests.length;
    const first = decided({ call_third: { decision: 'approve' } });
    const between = expectHeld(await readStream(await goOn([step], first)));
    expect(between.messages).toMatchObject([{ tool_call_id: 'call_write' }, { tool_call_id: 'call_third' }]);
    expect(between.pending).toEqual([{ tool_call_id: 'call_erase', awaits: 'approval' }]);
    expect(model.requests.length).toBe(asked);
    model.script({ text: 'All of it.' });
    const second = decided({ call_third: { decision: 'approve' }, call_erase: { decision: 'approve' } });
    expect((await readStream(await goOn([step, between], second))).text).toBe('All of it.');
    expect([...ran()].sort()).toEqual(['call_erase', 'call_third', 'call_write']);
  });

  it.each([[{}], [{ 'x-rubot-steps': '1' }]])('are never run for a caller that holds none, and the model says so: %j', async (headers) => {
    const { complete, model } = harness();
    const ran = watchCalls();
    model.script({ toolCalls: [erase] }, { text: 'It needs approval.' });
    const { text, finishReasons } = await readStream(await complete({ messages: [QUESTION], stream: true }, { headers }));
    expect({ text, finishReasons, ran: ran() }).toEqual({ text: 'It needs approval.', finishReasons: ['stop'], ran: [] });
    expect(JSON.stringify(model.requests.at(-1)?.body['messages'])).toContain('needs the approval of a person');
  });
}
