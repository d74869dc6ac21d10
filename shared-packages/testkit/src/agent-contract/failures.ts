import { ErrorBody } from '@rubot/contracts/error';
import { expect, it } from 'vitest';
import type { ModelExchange } from '../model-upstream.ts';
import { type AgentHarness, readStream } from './harness.ts';

const QUESTION = { messages: [{ role: 'user', content: 'How are you?' }] };
const LEAK = 'key sk-live-leak at 10.0.0.7';

export function checkFailures(harness: () => AgentHarness): void {
  it.each([
    [401, 500, 'misconfigured'],
    [429, 429, 'rate_limited'],
    [500, 502, 'upstream_failed'],
    [503, 503, 'unavailable'],
  ])('tells a %i of the provider as a %i %s, in its own words', async (providerStatus, status, code) => {
    const { complete, model } = harness();
    for (const stream of [true, false]) {
      model.script({ status: providerStatus, body: JSON.stringify({ error: { message: LEAK } }), headers: { 'retry-after': '3' } });
      const response = await complete({ ...QUESTION, stream });
      const text = await response.text();
      expect(response.status).toBe(status);
      expect(ErrorBody.parse(JSON.parse(text)).error.code).toBe(code);
      expect(text).not.toContain('leak');
      if (code === 'rate_limited') expect(response.headers.get('retry-after')).toBe('3');
    }
  });

  it.each(['clean-eof', 'fin', 'reset'] as const)('ends a broken answer with an error and nothing that looks whole: %s', async (kind) => {
    const { complete, model } = harness();
    const breakOff = async (exchange: ModelExchange): Promise<void> => {
      exchange.sendText('so far');
      exchange.cut(kind);
    };
    model.script(breakOff, breakOff);
    const { finishReasons, isDone, errorCode } = await readStream(await complete({ ...QUESTION, stream: true }));
    // A reset may overtake the first words.
    expect(errorCode).toMatch(/^(?:stream_interrupted|unavailable)$/);
    expect({ finishReasons, isDone }).toEqual({ finishReasons: [], isDone: false });
    expect((await complete(QUESTION)).status).toBeGreaterThanOrEqual(502);
  });

  it('gives up at the deadline that it is given, and says so', async () => {
    const { complete, model } = harness();
    model.script(() => {});
    const taken = model.nextRequest();
    const response = await complete(QUESTION, { headers: { 'x-rubot-timeout-ms': '300' } });
    expect(response.status).toBe(504);
    expect(ErrorBody.parse(await response.json()).error.code).toBe('deadline_exceeded');
    await (await taken).aborted;
  });

  const windows: readonly (readonly [string, (exchange: ModelExchange) => void])[] = [
    ['before the headers', () => {}],
    ['before the first token', (exchange) => exchange.begin()],
    ['in mid-stream', (exchange) => exchange.sendText('some')],
  ];
  it.each(windows)('lets the model go within a second of its caller: %s', async (name, play) => {
    const { complete, model } = harness();
    const controller = new AbortController();
    model.script(play);
    const taken = model.nextRequest();
    const asked = complete({ ...QUESTION, stream: true }, { signal: controller.signal }).catch(() => undefined);
    const exchange = await taken;
    if (name === 'in mid-stream') await (await asked)?.body?.getReader().read();
    const startedAtMs = performance.now();
    controller.abort();
    await exchange.aborted;
    expect(performance.now() - startedAtMs).toBeLessThan(1_000);
    await asked;
  });
}
