import { writeFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Checkout, createCheckout, LOCAL_KEY, run, startServer, TRACE_ID, toText, toTraceLines } from './_harness.ts';

const KEY = 'deployed-gateway-key-0123456789abcdef-0123';
const COMPLETION = {
  id: 'chatcmpl-1',
  object: 'chat.completion',
  created: 1,
  model: 'rubot',
  choices: [{ index: 0, message: { role: 'assistant', content: 'Hello there.' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
  rubot: { status: 'completed' },
};

interface Seen {
  readonly url: string;
  readonly authorization: string | undefined;
  readonly sender: unknown;
  readonly session: unknown;
  readonly body: string;
}

let checkout: Checkout;
let seen: Seen[];
let answer: (response: ServerResponse) => void;
let gateway: Awaited<ReturnType<typeof startServer>>;

beforeEach(async () => {
  checkout = await createCheckout();
  await writeFile(checkout.logFile, toText(toTraceLines()));
  seen = [];
  answer = (response) => response.end(JSON.stringify(COMPLETION));
  gateway = await startServer(({ url, headers, body }, response) => {
    const { authorization, 'x-chat-source-sender-id': sender, 'x-chat-source-session-id': session } = headers;
    seen.push({ url, authorization, sender, session, body });
    if (url === '/') return response.end('ok');
    response.setHeader('x-rubot-trace-id', TRACE_ID);
    return answer(response);
  });
});
afterEach(async () => {
  await gateway.close();
  await checkout.remove();
});

describe('rubot smoke', () => {
  it('sends the smoke request to the local stack with its own key and checks the trace', async () => {
    await checkout.writeDevFile(gateway.url);
    const { status, stdout, stderr } = await run(['smoke', gateway.url], checkout.directory, { GATEWAY_API_KEY: KEY });
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(
      /ok +GET \/[\s\S]*ok +POST .*3→2 tokens[\s\S]*ok +X-Rubot-Trace-Id[\s\S]*→ agent-conversational[\s\S]*ok +the trace is complete/,
    );
    expect(seen[1]).toMatchObject({
      url: '/v1/chat/completions',
      authorization: `Bearer ${LOCAL_KEY}`,
      sender: 'demo-sender',
      session: expect.stringMatching(/^smoke-[0-9a-f-]{36}$/),
      body: '{"messages":[{"role":"user","content":"hello"}]}',
    });
    expect(stdout).not.toContain(LOCAL_KEY);
  });

  it('sends the keys of the local stack nowhere else', async () => {
    await checkout.writeDevFile('http://127.0.0.1:9');
    const { status, stderr } = await run(['smoke', gateway.url], checkout.directory);
    expect([status, stderr, seen]).toEqual([1, expect.stringContaining('GATEWAY_API_KEY is not set'), []]);
  });

  it('checks a deployment, and says what it could not check', async () => {
    const { status, stdout, stderr } = await run(['smoke', `${gateway.url}/`], checkout.directory, { GATEWAY_API_KEY: KEY });
    expect([status, seen[1]?.authorization, seen[1]?.sender]).toEqual([1, `Bearer ${KEY}`, 'smoke-sender']);
    expect(stdout).toContain('ok    POST');
    expect(stderr).toMatch(/^rubot: Not checked: whether every hop is in the trace.*AXIOM_TOKEN/);
  });

  it('leaves the trace out when told to', async () => {
    const parameters = ['smoke', gateway.url, '--no-trace', '--sender', '+4912345'];
    const { status, stdout } = await run(parameters, checkout.directory, { GATEWAY_API_KEY: KEY });
    expect([status, seen[1]?.sender]).toEqual([0, '+4912345']);
    expect(stdout).toContain('skip  whether every hop');
  });

  it('fails when a hop is missing from the trace, or a service took no part', async () => {
    await checkout.writeDevFile(gateway.url);
    await writeFile(checkout.logFile, toText(toTraceLines().filter((line) => line.service !== 'rubot-agent-conversational')));
    const missing = await run(['smoke', gateway.url, '--wait', '0'], checkout.directory);
    expect([missing.status, missing.stderr]).toEqual([1, expect.stringMatching(/not complete: .*rubot-agent-conversational/)]);

    const alone = toTraceLines().filter((line) => !/orchestrator|agent/.test(`${line.service} ${line.extra?.['peer']}`));
    await writeFile(checkout.logFile, toText(alone));
    const { status, stderr } = await run(['smoke', gateway.url, '--wait', '0'], checkout.directory);
    expect([status, stderr]).toEqual([1, expect.stringContaining('no span of rubot-orchestrator; no span of rubot-agent-*')]);
  });

  it('tells what to do about a sender who is not linked', async () => {
    const rubot = { status: 'sender_unlinked', link_url: 'https://app.example.com/link?sender=smoke-sender' };
    answer = (response) => response.end(JSON.stringify({ ...COMPLETION, rubot }));
    const { status, stderr } = await run(['smoke', gateway.url, '--no-trace'], checkout.directory, { GATEWAY_API_KEY: KEY });
    expect([status, stderr]).toEqual([1, expect.stringMatching(/smoke-sender is not linked.*link\?sender=smoke-sender.*--sender/)]);
  });

  it.each<[string, (response: ServerResponse) => void, RegExp]>([
    ['a partial answer', (r) => r.end(JSON.stringify({ ...COMPLETION, rubot: { status: 'partial' } })), /answer is partial/],
    [
      'an empty answer',
      (r) => r.end(JSON.stringify({ ...COMPLETION, choices: [{ ...COMPLETION.choices[0], message: { role: 'assistant', content: '' } }] })),
      /empty/,
    ],
    ['a page', (r) => r.end('<html>'), /not a chat completion \(see: rubot trace/],
    [
      'an error of rubot',
      (r) => r.writeHead(401).end('{"error":{"message":"No.","type":"t","param":null,"code":"invalid_api_key"}}'),
      /401, invalid_api_key: No\./,
    ],
    ['an error of something else', (r) => r.writeHead(502).end('<html>'), /502, something that is not rubot/],
    ['a broken connection', (r) => r.destroy(), /cannot be reached/],
    ['an answer without a trace id', (r) => r.setHeader('x-rubot-trace-id', 'none').end(JSON.stringify(COMPLETION)), /no X-Rubot-Trace-Id/],
  ])('fails on %s', async (_, broken, message) => {
    answer = broken;
    const { status, stderr } = await run(['smoke', gateway.url, '--no-trace'], checkout.directory, { GATEWAY_API_KEY: KEY });
    expect([status, stderr]).toEqual([1, expect.stringMatching(message)]);
    expect(stderr.trim()).not.toContain('\n');
    expect(stderr).not.toContain(KEY);
  });

  it('gives up on an answer that never comes', async () => {
    answer = () => {};
    const parameters = ['smoke', gateway.url, '--no-trace', '--timeout', '0.2'];
    expect(await run(parameters, checkout.directory, { GATEWAY_API_KEY: KEY })).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('0.2 s'),
    });
  });

  it('follows no redirect with the key in hand', async () => {
    answer = (response) => response.writeHead(307, { location: `${gateway.url}/elsewhere` }).end();
    await run(['smoke', gateway.url, '--no-trace'], checkout.directory, { GATEWAY_API_KEY: KEY });
    expect(seen.map(({ url }) => url)).toEqual(['/', '/v1/chat/completions']);
  });

  it.each([['smoke'], ['smoke', 'nonsense'], ['smoke', 'ftp://x'], ['smoke', 'http://x/admin'], ['smoke', 'http://u:p@x']])(
    'takes %s %s for a misuse',
    async (...parameters) => {
      expect((await run(parameters, checkout.directory)).status).toBe(2);
    },
  );
});
