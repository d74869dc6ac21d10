import { ErrorBody } from '@rubot/contracts/error';
import { expect, it } from 'vitest';
import type { AgentHarness } from './harness.ts';

const USER = { role: 'user', content: 'hi' };
const CALL = { id: 'c1', type: 'function', function: { name: 'f', arguments: '{}' } };

export function checkBadInput(harness: () => AgentHarness): void {
  it.each<[string, unknown, number]>([
    ['no JSON', '{"messages":', 400],
    ['an empty body', '', 400],
    ['a list', [], 400],
    ['no messages', {}, 400],
    ['empty messages', { messages: [] }, 400],
    ['an unknown role', { messages: [{ role: 'robot', content: 'hi' }] }, 400],
    ['content of a wrong type', { messages: [{ role: 'user', content: 7 }] }, 400],
    ['an unknown kind of content', { messages: [{ role: 'user', content: [{ type: 'hologram' }] }] }, 400],
    ['an image without a url', { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'nowhere' } }] }] }, 400],
    ['a tool result without its call', { messages: [USER, { role: 'tool', tool_call_id: 'c1', content: 'x' }] }, 400],
    ['a tool call without its result', { messages: [USER, { role: 'assistant', tool_calls: [CALL] }] }, 400],
    ['a call that is talked over', { messages: [USER, { role: 'assistant', tool_calls: [CALL] }, USER] }, 400],
    ['a temperature out of range', { messages: [USER], temperature: 3 }, 400],
    ['a forced tool without tools', { messages: [USER], tool_choice: 'required' }, 400],
    ['two choices', { messages: [USER], n: 2 }, 400],
    ['__proto__', '{"messages":[{"role":"user","content":"hi"}],"__proto__":{"x":1}}', 400],
    ['a depth of 100 000', `{"messages":${'['.repeat(100_000)}${']'.repeat(100_000)}}`, 400],
    ['more than any client may send', `{"messages":[{"role":"user","content":"${'x'.repeat(1_400_000)}"}]}`, 413],
  ])('refuses %s, without a call to the model', async (_name, body, status) => {
    const { complete, model } = harness();
    const before = model.requests.length;
    for (const stream of [false, true]) {
      const isObject = typeof body === 'object' && !Array.isArray(body);
      const response = await complete(isObject ? { ...body, stream } : body);
      expect(response.status).toBe(status);
      const { error } = ErrorBody.parse(await response.json());
      expect(error.message.length).toBeGreaterThan(10);
    }
    expect(model.requests.length).toBe(before);
  });

  it.each([
    ['x-tenant-id', '../acme'],
    ['x-rubot-run-id', 'run_1'],
    ['x-rubot-slice-id', 'A B'],
  ])('refuses a forged %s', async (name, value) => {
    const response = await harness().complete({ messages: [USER] }, { headers: { [name]: value } });
    expect(response.status).toBe(400);
    expect(ErrorBody.parse(await response.json()).error.param).toBe(name);
  });
}
