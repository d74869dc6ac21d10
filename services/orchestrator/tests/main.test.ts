import { HEADERS } from '@rubot/contracts/headers';
import { type FakeAgent, startFakeAgent } from '@rubot/testkit/fake-agent';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openTestDatabase } from './_database.ts';
import { AGENT_KEY, ask, findFreePort, GATEWAY_KEY, gatewayHeaders, parseStream } from './_harness.ts';
import { startMain } from './_process.ts';

let tables: FakeAgent;
beforeEach(async () => {
  tables = await startFakeAgent({ id: 'tables' });
});
afterEach(() => tables.close());

describe('the process', () => {
  it('names everything that is wrong with its environment, and none of the values, then exits', async () => {
    const service = startMain({
      GATEWAY_API_KEY: 'short-secret',
      AGENT_REGISTRY_JSON: '{"Bad":"http://x","b":"nope"}',
      MODEL_SPECIFIER: 'openai/gpt-5-mini',
      HEALTH_INTERVAL_MS: '1000',
      HEALTH_TIMEOUT_MS: '1000',
      GLOBAL_LIMITS_JSON: '{"requests_per_hour":5}',
      PRICES_JSON: '{"tables":{"input":1,"output":1}}',
    });
    expect(await service.exited).toEqual([1, null]);
    for (const name of [
      'GLOBAL_LIMITS_JSON',
      'PRICES_JSON',
      'GATEWAY_API_KEY',
      'ORCHESTRATOR_API_KEY',
      'DATABASE_URL',
      'AGENT_REGISTRY_JSON.Bad',
      'AGENT_REGISTRY_JSON.b',
    ]) {
      expect(service.stderr()).toContain(name);
    }
    expect(service.stderr()).not.toContain('short-secret');
    expect(service.lines).toHaveLength(0);
  });

  it('names what does not fit together', async () => {
    const service = startMain({
      GATEWAY_API_KEY: GATEWAY_KEY,
      ORCHESTRATOR_API_KEY: AGENT_KEY,
      DATABASE_URL: 'postgres://rubot:of-the-test@127.0.0.1/rubot',
      AGENT_REGISTRY_JSON: '{"tables":"http://x"}',
      RUN_HEARTBEAT_MS: '20000',
      GLOBAL_LIMITS_JSON: '{"usd_per_day":50}',
      PLANNER_MODEL: 'openai/gpt-5-nano',
      HEALTH_INTERVAL_MS: '1000',
      HEALTH_TIMEOUT_MS: '1000',
    });
    expect(await service.exited).toEqual([1, null]);
    expect(service.stderr()).toContain('OPENAI_API_KEY is not set although PLANNER_MODEL names an openai model');
    expect(service.stderr()).toContain('HEALTH_TIMEOUT_MS must be less than HEALTH_INTERVAL_MS');
    expect(service.stderr()).toContain('PRICES_JSON is not set although GLOBAL_LIMITS_JSON limits money');
    expect(service.stderr()).toContain('RUN_HEARTBEAT_MS must be at most half of RUN_LEASE_MS');
  });

  it('serves, says that the demo model plans, and at SIGTERM finishes what it has', async () => {
    const port = await findFreePort();
    const url = `http://127.0.0.1:${port}`;
    const service = startMain({
      GATEWAY_API_KEY: GATEWAY_KEY,
      ORCHESTRATOR_API_KEY: AGENT_KEY,
      AGENT_REGISTRY_JSON: JSON.stringify({ tables: tables.origin }),
      DATABASE_URL: (await openTestDatabase()).url,
      HOST: '127.0.0.1',
      PORT: String(port),
    });
    await vi.waitFor(async () => expect((await fetch(`${url}/readyz`)).status).toBe(200), { timeout: 10_000, interval: 50 });
    expect(service.lines.map((line) => line.event_type)).toContain('model.demo');

    tables.onCompletion((exchange) => exchange.sendText('before '));
    const response = await fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { ...gatewayHeaders(), [HEADERS.timeoutMs]: '10000' },
      body: JSON.stringify(ask('hi', { stream: true })),
    });
    const exchange = await tables.nextCompletion();
    service.process.kill('SIGTERM');
    await vi.waitFor(() => expect(service.lines.map((line) => line.event_type)).toContain('service.draining'));
    exchange.sendText('and after');
    exchange.finish();
    expect(parseStream(await response.text())).toMatchObject({ text: 'before and after', isDone: true });
    expect(await service.exited).toEqual([0, null]);
    expect(service.lines.at(-1)?.event_type).toBe('service.stopped');
    expect(service.stderr()).toBe('');
  });
});
