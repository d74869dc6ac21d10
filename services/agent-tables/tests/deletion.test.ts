import { type ReadStream, readStream } from '@rubot/testkit/agent-contract/harness';
import { decided, expectHeld, HELD } from '@rubot/testkit/agent-contract/held-run';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type DemoTenant, startDemoTenant } from './_demo-tenant.ts';

let tenant: DemoTenant;
beforeAll(async () => {
  tenant = await startDemoTenant();
});
afterAll(() => tenant.stop());

async function complete(messages: readonly unknown[], headers: Record<string, string> = {}): Promise<ReadStream> {
  return readStream(await tenant.complete({ messages, stream: true }, headers));
}

function user(content: string): unknown {
  return { role: 'user', content };
}

async function count(of: string): Promise<number> {
  return Number(/\d+/.exec((await complete([user(`how many ${of}?`)])).text)?.[0]);
}

/** A run of its own, up to the call that waits for a person. */
async function begin(request: string) {
  const run = { 'x-rubot-run-id': `run_${crypto.randomUUID().replaceAll('-', '')}` };
  const stream = await complete([user(request)], { ...HELD, ...run });
  const { pending = [] } = expectHeld(stream);
  const [call] = pending;
  if (call === undefined || pending.length > 1) throw new Error('one call was to wait');
  const messages = [user(request), ...stream.steps.flatMap((step) => step.messages)];
  return {
    text: stream.text,
    awaits: call.awaits,
    decide: (decision: string, comment?: string) =>
      complete(messages, { ...decided({ [call.tool_call_id]: { decision, ...(comment === undefined ? {} : { comment }) } }), ...run }),
  };
}

describe('a request to delete, with no model configured', () => {
  it('says what is going to be deleted, waits, and deletes once it is approved', async () => {
    const before = await count('orders');
    const { text, awaits, decide } = await begin('Delete the order 1041');
    expect(text).toMatch(/^I am going to delete:\n\nOne row of orders with order number SO-1041:/);
    expect(awaits).toBe('approval');
    expect(await count('orders')).toBe(before);

    const done = await decide('approve');
    expect(done.text).toBe('Deleted: 1 of orders.\n\n(demo model)');
    expect(done.finishReasons).toEqual(['stop']);
    expect(await count('orders')).toBe(before - 1);

    // Taken over by another process that did not hear of it.
    expect((await decide('approve')).text).toBe(done.text);
    expect(await count('orders')).toBe(before - 1);
  });

  it('leaves everything as it is when it is rejected, and says so', async () => {
    const before = await count('orders');
    const { decide } = await begin('Please delete the orders from Kiosk Nord');
    const { text } = await decide('reject', 'They are not paid yet.');
    expect(text).toMatch(/^I deleted nothing\. A person rejected this call\..*They said: They are not paid yet\./);
    expect(await count('orders')).toBe(before);
  });

  it('deletes nothing that nobody has looked at: the rows changed while it waited', async () => {
    const ofKiosk = 'orders from Kiosk Nord';
    const all = await begin(`Delete the ${ofKiosk}`);
    const open = await begin(`Delete the open ${ofKiosk}`);
    await open.decide('approve');
    const left = await count(ofKiosk);
    expect((await all.decide('approve')).text).toContain('I deleted nothing: The conditions do not fit');
    expect(await count(ofKiosk)).toBe(left);
  });

  it('is not carried out where nobody can be asked, and says so', async () => {
    const before = await count('products');
    const { text, finishReasons } = await complete([user('Delete the product "Masala Chai 20 Bags"')]);
    expect(text).toContain('I deleted nothing: This call needs the approval of a person');
    expect(finishReasons).toEqual(['stop']);
    expect(await count('products')).toBe(before);
  });
});
