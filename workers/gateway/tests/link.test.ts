import { describe, expect, it } from 'vitest';
import { CHAT, ENV, IDENTITY } from './_harness.ts';
import { askWith, createFakePlatform, type FakePlatform, refusalOf } from './_middleware.ts';

const STRANGER = { ...IDENTITY, 'x-chat-source-sender-id': '+15550999' };
const PAGE = 'https://app.test/link?from=chat&sender=%2B15550999';
const LINKED = { status: 'linked', tenant_id: 'acme', tenant_name: 'Acme & Sons' };

interface PinPlatform extends FakePlatform {
  readonly used: unknown[];
}

async function createPinPlatform(outcome: Record<string, unknown>): Promise<PinPlatform> {
  const platform = await createFakePlatform();
  const used: unknown[] = [];
  platform.middleware.intercept = (path, { body, headers }) => {
    if (path !== '/internal/link-pins/use') return undefined;
    used.push({ ...JSON.parse(body as string), actor: headers['x-rubot-actor'] });
    if (outcome['status'] === 'linked') platform.middleware.tenantOf.set('+15550999', 'acme');
    return Response.json(outcome);
  };
  return { ...platform, used };
}

function say({ gateway }: FakePlatform, content: unknown, options: Record<string, unknown> = {}): Promise<Response> {
  const body = { messages: [...CHAT.messages, { role: 'user', content }], ...options };
  return askWith(gateway, ENV.GATEWAY_API_KEY, 'POST', '/v1/chat/completions', { body, headers: STRANGER });
}

interface Completion {
  readonly choices: readonly { readonly message: { readonly content: string } }[];
  readonly rubot: Record<string, unknown>;
}

describe('six digits from a sender without a tenant', () => {
  it.each<[string, unknown]>([
    ['alone', '123456'],
    ['with a blank and a line end', ' 123456\n'],
    ['as a part', [{ type: 'text', text: '123456' }]],
  ])('are a PIN: %s', async (_name, content) => {
    const platform = await createPinPlatform(LINKED);
    const completion = (await (await say(platform, content)).json()) as Completion;
    expect(platform.used).toEqual([{ pin: '123456', sender_id: '+15550999', actor: 'sender:+15550999' }]);
    expect(completion.choices[0]?.message.content).toContain('Acme & Sons');
    expect(completion.rubot).toEqual({ status: 'sender_linked', tenant_id: 'acme' });
    expect(platform.gateway.toOrchestrator).toEqual([]);
    expect((await say(platform, 'hello')).headers.get('x-rubot-run-id')).toMatch(/^run_/);
  });

  it('are answered as a stream where one was asked for', async () => {
    const platform = await createPinPlatform(LINKED);
    const text = await (await say(platform, '123456', { stream: true, stream_options: { include_usage: true } })).text();
    expect(text).toContain('Acme & Sons');
    expect(text).toContain('"status":"sender_linked"');
    expect(text.endsWith('data: [DONE]\n\n')).toBe(true);
  });

  it.each<[Record<string, unknown>, RegExp, Record<string, unknown>]>([
    [{ status: 'refused' }, /wrong, or has expired/, { status: 'sender_unlinked', link_url: PAGE }],
    [{ status: 'linked_elsewhere' }, /unlinked there first/, { status: 'sender_unlinked', link_url: PAGE }],
    [
      { status: 'too_many_tries', retry_after_seconds: 290 },
      /Wait 5 minutes/,
      { status: 'sender_unlinked', link_url: PAGE, retry_after_seconds: 290 },
    ],
  ])('that do not link are answered in words: %j', async (outcome, words, report) => {
    const platform = await createPinPlatform(outcome);
    const response = await say(platform, '123456');
    const completion = (await response.json()) as Completion;
    expect([response.status, completion.rubot]).toEqual([200, report]);
    expect(completion.choices[0]?.message.content).toMatch(words);
  });

  it.each<[string, unknown]>([
    ['five digits', '12345'],
    ['seven digits', '1234567'],
    ['digits of another script', '１２３４５６'],
    ['digits in a sentence', 'my pin is 123456'],
    [
      'two parts',
      [
        { type: 'text', text: '123456' },
        { type: 'text', text: '' },
      ],
    ],
  ])('are none where there is anything else: %s', async (_name, content) => {
    const platform = await createPinPlatform(LINKED);
    expect(((await (await say(platform, content)).json()) as Completion).rubot['status']).toBe('sender_unlinked');
    expect(platform.used).toEqual([]);
  });

  it('are none unless the sender has just said them', async () => {
    const platform = await createPinPlatform(LINKED);
    const body = {
      messages: [
        { role: 'user', content: '123456' },
        { role: 'assistant', content: '123456' },
      ],
    };
    await askWith(platform.gateway, ENV.GATEWAY_API_KEY, 'POST', '/v1/chat/completions', { body, headers: STRANGER });
    expect(platform.used).toEqual([]);
  });
});

describe('six digits from anybody else', () => {
  it('are a message, from a sender who is linked', async () => {
    const platform = await createPinPlatform(LINKED);
    const body = { messages: [{ role: 'user', content: '123456' }] };
    await askWith(platform.gateway, ENV.GATEWAY_API_KEY, 'POST', '/v1/chat/completions', { body, headers: IDENTITY });
    expect([platform.used.length, platform.gateway.toOrchestrator.length]).toEqual([0, 1]);
  });

  it('link nobody in whose name a token speaks', async () => {
    const platform = await createPinPlatform(LINKED);
    const { text } = await platform.middleware.addToken();
    const body = { messages: [{ role: 'user', content: '123456' }] };
    const asking = askWith(platform.gateway, text, 'POST', '/v1/chat/completions', { body, headers: STRANGER });
    expect([await refusalOf(asking), platform.used]).toEqual([[403, 'forbidden'], []]);
  });
});

describe('POST /v1/link', () => {
  function link({ gateway }: FakePlatform, body: unknown, credential = ENV.GATEWAY_API_KEY): Promise<Response> {
    return askWith(gateway, credential, 'POST', '/v1/link', { body, headers: STRANGER });
  }

  it('links the sender of the request', async () => {
    const platform = await createPinPlatform(LINKED);
    const response = await link(platform, { pin: '123456' });
    expect([response.status, await response.json()]).toEqual([200, { status: 'linked', tenant_id: 'acme' }]);
    expect(platform.used).toEqual([{ pin: '123456', sender_id: '+15550999', actor: 'sender:+15550999' }]);
    expect((await say(platform, 'hello')).headers.get('x-rubot-run-id')).toMatch(/^run_/);
  });

  it.each<[Record<string, unknown>, number, string, string | null]>([
    [{ status: 'refused' }, 403, 'forbidden', null],
    [{ status: 'linked_elsewhere' }, 409, 'conflict', null],
    [{ status: 'too_many_tries', retry_after_seconds: 290 }, 429, 'rate_limited', '290'],
  ])('tells a program why not: %j', async (outcome, status, code, retryAfter) => {
    const platform = await createPinPlatform(outcome);
    const response = await link(platform, { pin: '123456' });
    expect([response.status, response.headers.get('retry-after'), response.headers.get('x-should-retry')]).toEqual([
      status,
      retryAfter,
      'false',
    ]);
    expect(await response.json()).toMatchObject({ error: { code } });
  });

  it.each([{}, { pin: 123456 }, { pin: '12345' }, { pin: '123456', sender_id: '+1' }])('takes nothing else for a PIN: %j', async (body) => {
    const platform = await createPinPlatform(LINKED);
    expect([await refusalOf(link(platform, body)), platform.used]).toEqual([[400, 'invalid_request'], []]);
  });

  it('is for the chat source alone', async () => {
    const platform = await createPinPlatform(LINKED);
    const { text } = await platform.middleware.addToken({ scopes: ['admin:*'] });
    platform.middleware.tenantOf.set('+15550999', 'acme');
    expect([await refusalOf(link(platform, { pin: '123456' }, text)), platform.used]).toEqual([[403, 'forbidden'], []]);
  });
});
