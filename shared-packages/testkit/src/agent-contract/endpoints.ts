import { Capabilities } from '@rubot/contracts/agent';
import { ErrorBody } from '@rubot/contracts/error';
import { expect, it } from 'vitest';
import { AGENT_KEY, type AgentHarness } from './harness.ts';

export function checkEndpoints(harness: () => AgentHarness): void {
  it.each(['/', '/healthz', '/readyz'])('GET %s is open and well', async (path) => {
    expect((await fetch(`${harness().url}${path}`)).status).toBe(200);
  });

  it.each([
    ['no key', {}],
    ['a wrong key', { authorization: 'Bearer contract-wrong-key' }],
    ['the right key in a wrong scheme', { authorization: `Basic ${AGENT_KEY}` }],
    ['the start of the right key', { authorization: `Bearer ${AGENT_KEY.slice(0, -1)}` }],
  ])('refuses %s, without a call to the model', async (_name, headers) => {
    const { url, model } = harness();
    const before = model.requests.length;
    const body = JSON.stringify({ messages: [{ role: 'user', content: 'hi' }] });
    for (const request of [
      fetch(`${url}/v1/capabilities`, { headers }),
      fetch(`${url}/v1/chat/completions`, { method: 'POST', headers, body }),
    ]) {
      const response = await request;
      expect(response.status).toBe(401);
      expect(response.headers.get('x-rubot-trace-id')).toMatch(/^[0-9a-f]{32}$/);
      expect(ErrorBody.parse(await response.json()).error.code).toBe('invalid_api_key');
    }
    expect(model.requests.length).toBe(before);
  });

  it('says what it can do', async () => {
    const { url, agent } = harness();
    const response = await fetch(`${url}/v1/capabilities`, { headers: { authorization: `Bearer ${AGENT_KEY}` } });
    const capabilities = Capabilities.parse(await response.json());
    expect(capabilities.source_id).toBe(agent.id);
    expect(new Set(capabilities.tools.map((tool) => tool.name)).size).toBe(capabilities.tools.length);
  });

  it('answers an unknown path with the error object', async () => {
    const response = await fetch(`${harness().url}/v2/chat`);
    expect(response.status).toBe(404);
    expect(ErrorBody.parse(await response.json()).error.code).toBe('not_found');
  });
}
