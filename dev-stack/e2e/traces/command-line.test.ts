import { walkSpans } from '@rubot/traces/trace';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Stack, startStack } from '../../src/stack/start-stack.ts';
import { holdConversation } from '../../src/start/first-conversation.ts';
import { type CommandFolder, createCommandFolder } from './_rubot-command.ts';

let folder: CommandFolder;
let stack: Stack;
let traceId: string;

/** The demo model answers, as it does for whoever runs `npm start` for the first time. */
beforeAll(async () => {
  folder = await createCommandFolder();
  stack = await startStack({ logFile: folder.logFile });
  await folder.tellOf(stack);
  traceId = await holdConversation(stack, () => {});
  await stack.waitForTrace(traceId);
});
afterAll(async () => {
  await stack.stop();
  await folder.remove();
});

describe('rubot trace', () => {
  it('prints the waterfall of a request over all services', async () => {
    const { status, stdout, stderr } = await folder.run(['trace', traceId, '--wait']);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(new RegExp(`^trace ${traceId}\nPOST /v1/chat/completions → 200 `));
    for (const line of [
      /^gateway {2}POST \/v1\/chat\/completions +█/m,
      /^ +→ orchestrator {2}POST \/v1\/chat\/completions +█/m,
      /^ +→ agent-tables {2}POST \/v1\/chat\/completions +█/m,
      /^ +tool tables_query .* ms$/m,
      /^ +→ middleware {2}POST \/data\/demo\/tools\/tables_qu\S* .* ms$/m,
      /^ +→ demo {2}chat demo\/scripted .*\d+→\d+ tokens/m,
      /^complete: every hop of this request is here$/m,
    ]) {
      expect(stdout).toMatch(line);
    }
  });

  it('prints the same for programs, and finds it by its run as well', async () => {
    const { status, stdout } = await folder.run(['trace', traceId, '--wait', '--json']);
    expect(status).toBe(0);
    const trace = JSON.parse(stdout);
    expect(trace).toMatchObject({ trace_id: traceId, complete: true, problems: [], failures: [], tenant_id: 'demo' });
    expect(trace.spans).toHaveLength([...walkSpans((await stack.waitForTrace(traceId)).roots)].length);
    const byRun = await folder.run(['trace', trace.run_id, '--json']);
    expect(JSON.parse(byRun.stdout)).toEqual(trace);
  });

  it.each([
    ['an id that no line has', 'f'.repeat(32), 1, /has no line of f{32}/],
    ['a text that is no id', 'drop table', 2, /32 lower-case hex digits/],
  ])('ends with a clear word for %s', async (_, id, status, words) => {
    const end = await folder.run(['trace', id]);
    expect(end).toMatchObject({ status, stdout: '' });
    expect(end.stderr).toMatch(words);
  });
});

describe('rubot smoke', () => {
  it('passes on a healthy stack', async () => {
    const { status, stdout, stderr } = await folder.run(['smoke', stack.urls.gateway]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/ok +GET \/ answers ok\n.*ok +POST \/v1\/chat\/completions answers: model rubot, /s);
    expect(stdout).toMatch(/ok +the trace is complete: \d+ spans over [45] services\n$/);
  });

  it.each([
    ['a wrong key', () => [stack.urls.gateway], /answered 401, invalid_api_key: /],
    ['a sender without a tenant', () => [stack.urls.gateway, '--sender', 'stranger'], /stranger is not linked to a tenant/],
    ['a place where nothing listens', () => ['http://127.0.0.1:1'], /127\.0\.0\.1:1\/ cannot be reached/],
    ['something that is no gateway', () => [`${stack.urls.gateway}/v1/../../x`], /must be http/],
  ])('fails on %s, and says so', async (what, toParameters, words) => {
    const wrong = { ...stack.keys, GATEWAY_API_KEY: 'wrong-key-0123456789abcdef0123456789abcdef' };
    await folder.tellOf(stack, what === 'a wrong key' ? wrong : stack.keys);
    const environment = { GATEWAY_API_KEY: stack.keys.GATEWAY_API_KEY };
    const { status, stderr } = await folder.run(['smoke', ...toParameters()], environment);
    expect(status).not.toBe(0);
    expect(stderr).toMatch(words);
    expect(stderr).not.toContain(wrong.GATEWAY_API_KEY);
    expect(stderr).not.toContain(stack.keys.GATEWAY_API_KEY);
  });
});
