import { once } from 'node:events';
import type { FetchLike } from '@rubot/http/upstream';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createHarness } from './_harness.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
});
afterEach(() => {
  vi.useRealTimers();
});

const isUp: FetchLike = async () => new Response();
const isDown: FetchLike = async () => new Response(null, { status: 503 });

describe('GET /readyz', () => {
  it.each([
    [isUp, isUp, 200, { middleware: 'ok', orchestrator: 'ok' }],
    [isUp, isDown, 503, { middleware: 'ok', orchestrator: 'unavailable' }],
    [isDown, isUp, 503, { middleware: 'unavailable', orchestrator: 'ok' }],
  ])('is open, and names what is missing', async (middleware, orchestrator, status, checks) => {
    const { request } = await createHarness({ middleware, orchestrator });
    const response = await request('/readyz');
    expect([response.status, await response.json()]).toEqual([status, { status: status === 200 ? 'ready' : 'not_ready', checks }]);
  });

  it('asks once a second, however often it is asked, and at once whoever asks together', async () => {
    const { request, toMiddleware, toOrchestrator } = await createHarness({ middleware: isUp, orchestrator: isDown });
    const asked = () => [toMiddleware.length, toOrchestrator.length];
    const together = await Promise.all(Array.from({ length: 50 }, () => request('/readyz')));
    expect(together.map(({ status }) => status)).toEqual(Array.from({ length: 50 }, () => 503));
    expect(asked()).toEqual([1, 1]);
    vi.advanceTimersByTime(999);
    await request('/readyz');
    expect(asked()).toEqual([1, 1]);
    vi.advanceTimersByTime(1);
    await request('/readyz');
    expect(asked()).toEqual([2, 2]);
  });

  it('says after a second that what does not answer is unavailable', async () => {
    const hangs: FetchLike = async (_url, { signal }) => {
      await once(signal, 'abort');
      throw signal.reason;
    };
    const { request } = await createHarness({ middleware: isUp, orchestrator: hangs });
    const answers = Promise.all([request('/readyz'), request('/readyz')]);
    await vi.advanceTimersByTimeAsync(1_001);
    expect((await answers).map(({ status }) => status)).toEqual([503, 503]);
  });
});
