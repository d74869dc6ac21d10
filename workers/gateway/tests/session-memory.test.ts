import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CHAT, createHarness } from './_harness.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'] });
});
afterEach(() => {
  vi.useRealTimers();
});

const LINKED = { status: 'linked', tenant_id: 'acme', allowed_agents: null };

describe('what the gateway remembers of who speaks', () => {
  it('is believed for two and a half seconds and no longer: so soon an unbound sender is out, in every isolate', async () => {
    let answer: unknown = LINKED;
    const gateway = await createHarness({ middleware: async () => Response.json(answer) });
    await gateway.complete(CHAT);
    answer = { status: 'unlinked' };
    vi.advanceTimersByTime(2_499);
    await gateway.complete(CHAT);
    expect([gateway.toMiddleware.length, gateway.toOrchestrator.length]).toEqual([1, 2]);
    vi.advanceTimersByTime(2);
    expect(await (await gateway.complete(CHAT)).json()).toMatchObject({ rubot: { status: 'sender_unlinked' } });
    expect([gateway.toMiddleware.length, gateway.toOrchestrator.length]).toEqual([2, 2]);
  });

  it('is not prolonged by being asked for', async () => {
    const gateway = await createHarness({ middleware: async () => Response.json(LINKED) });
    for (let second = 0; second <= 3; second += 0.5) {
      await gateway.complete(CHAT);
      vi.advanceTimersByTime(500);
    }
    expect(gateway.toMiddleware).toHaveLength(2);
  });

  it('is as old as the question: an answer that was long on its way is believed for as much less', async () => {
    const middleware = async () => {
      vi.advanceTimersByTime(2_000);
      return Response.json(LINKED);
    };
    const gateway = await createHarness({ middleware });
    await gateway.complete(CHAT);
    vi.advanceTimersByTime(501);
    await gateway.complete(CHAT);
    expect(gateway.toMiddleware).toHaveLength(2);
  });

  it('is never that somebody is not linked', async () => {
    let answer: unknown = { status: 'unlinked' };
    const gateway = await createHarness({ middleware: async () => Response.json(answer) });
    await gateway.complete(CHAT);
    answer = LINKED;
    await gateway.complete(CHAT);
    expect([gateway.toMiddleware.length, gateway.toOrchestrator.length]).toEqual([2, 1]);
  });
});
