import { setTimeout as delay } from 'node:timers/promises';
import type { RubotReport } from '@rubot/contracts/chat-response';
import { HEADERS } from '@rubot/contracts/headers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ModelStack, postCompletion, type Speaker, startModelStack, toChatSourceHeaders } from '../_stack.ts';
import { connect, failureOf, SDKS } from './_client.ts';

let stack: ModelStack;
beforeAll(async () => {
  stack = await startModelStack({ agents: ['conversational', 'tables'] });
});
afterAll(() => stack.stop());

/** What the product promises: nobody who asks later than this after an unlinking is let in. */
const FORGOTTEN_WITHIN_MS = 5_000;
const POLL_MS = 100;
const MAX_POLLS = 100;

const OTHER_TENANT = 'other-tenant';
const hello = { model: 'rubot/conversational', messages: [{ role: 'user' as const, content: 'Hello!' }] };

let speakers = 0;
/** One that no test has used before. */
function newSpeaker(): Speaker {
  speakers += 1;
  return { senderId: `+4155501${String(speakers).padStart(4, '0')}`, sessionId: `chat/${speakers}` };
}

async function callAdmin(method: string, path: string, body?: unknown, key = stack.keys.ADMIN_API_KEY): Promise<Response> {
  return fetch(`${stack.urls.gateway}/admin${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

async function link(senderId: string, tenantId: string = stack.demo.tenant_id): Promise<Response> {
  return callAdmin('POST', '/identity-bindings', { sender_id: senderId, tenant_id: tenantId });
}

/** Past the gateway, as a second gateway elsewhere would do it. */
async function callMiddleware(method: string, path: string, body?: unknown): Promise<Response> {
  return fetch(`${stack.urls.middleware}/internal${path}`, {
    method,
    headers: { authorization: `Bearer ${stack.keys.MIDDLEWARE_API_KEY}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

const LIST_TABLES = { toolCalls: [{ name: 'tables_list', arguments: {} }] };

/** What the tables tool told the model, when the model asked for the list of tables on this speaker's behalf. */
async function listTablesAs(speaker: Speaker): Promise<string> {
  stack.model.script(LIST_TABLES, { text: 'done' });
  const response = await askTables(toChatSourceHeaders(stack, speaker));
  expect(response.status).toBe(200);
  const { messages } = stack.model.requests.at(-1)!.body as { messages: { role: string; content: string }[] };
  return messages.find((message) => message.role === 'tool')!.content;
}

async function askTables(headers: Record<string, string>): Promise<Response> {
  return postCompletion(stack, { ...hello, model: 'rubot/tables' }, { headers });
}

function reportOf(value: object): RubotReport | undefined {
  return (value as { rubot?: RubotReport }).rubot;
}

describe.each(SDKS)('to $name, a sender without a tenant', (sdk) => {
  it('is told in an answer where to link itself, and no model is asked', async () => {
    const speaker = newSpeaker();
    const asked = stack.model.requests.length;
    const { client } = connect(sdk, stack, { speaker });
    const completion = await client.chat.completions.create(hello);
    const url = `https://app.example.com/link?sender=${encodeURIComponent(speaker.senderId)}`;
    expect(completion.choices[0]).toMatchObject({
      message: { role: 'assistant', content: expect.stringContaining(url) },
      finish_reason: 'stop',
    });
    expect(completion.usage?.total_tokens).toBe(0);
    expect(reportOf(completion)).toEqual({ status: 'sender_unlinked', link_url: url });
    expect(stack.model.requests.length).toBe(asked);
  });

  it('is told so in a stream like any other', async () => {
    const { client } = connect(sdk, stack, { speaker: newSpeaker() });
    const stream = client.chat.completions.stream({ ...hello, stream_options: { include_usage: true } });
    const chunks: object[] = [];
    stream.on('chunk', (chunk) => chunks.push(chunk));
    const { choices, usage } = await stream.finalChatCompletion();
    expect(choices[0]).toMatchObject({
      message: { content: expect.stringContaining('https://app.example.com/link?sender=') },
      finish_reason: 'stop',
    });
    expect(usage?.total_tokens).toBe(0);
    expect(chunks.map(reportOf).filter(Boolean)).toMatchObject([{ status: 'sender_unlinked' }]);
  });

  it('is refused the list of models', async () => {
    const { client } = connect(sdk, stack, { speaker: newSpeaker() });
    const thrown = await failureOf(client.models.list() as Promise<unknown>);
    expect(thrown).toBeInstanceOf(sdk.OpenAI.PermissionDeniedError);
    expect(thrown).toMatchObject({ code: 'forbidden', message: expect.stringContaining('https://app.example.com/link') });
  });

  it('cannot speak in the session of another', async () => {
    const [owner, intruder] = [newSpeaker(), newSpeaker()];
    for (const { senderId } of [owner, intruder]) expect((await link(senderId)).status).toBe(201);
    await connect(sdk, stack, { speaker: owner }).client.chat.completions.create(hello);
    const asked = stack.model.requests.length;
    for (const stream of [false, true]) {
      const { client, attempts } = connect(sdk, stack, { speaker: { ...intruder, sessionId: owner.sessionId } });
      const thrown = await failureOf(client.chat.completions.create({ ...hello, stream } as never));
      expect(thrown).toBeInstanceOf(sdk.OpenAI.PermissionDeniedError);
      expect(thrown).toMatchObject({ status: 403, code: 'forbidden' });
      expect(attempts()).toBe(1);
    }
    expect(stack.model.requests.length).toBe(asked);
  });
});

describe('linking', () => {
  it('lets a sender in with its next message, and unlinking keeps it out from the next one on', async () => {
    const speaker = newSpeaker();
    const { client } = connect(SDKS[0]!, stack, { speaker });
    expect(reportOf(await client.chat.completions.create(hello))?.status).toBe('sender_unlinked');

    const linked = await link(speaker.senderId);
    expect(linked.status).toBe(201);
    expect(await linked.json()).toMatchObject({ sender_id: speaker.senderId, tenant_id: stack.demo.tenant_id });
    expect(reportOf(await client.chat.completions.create(hello))?.status).toBe('completed');
    expect((await link(speaker.senderId)).status).toBe(200);

    expect((await callAdmin('DELETE', `/identity-bindings/${encodeURIComponent(speaker.senderId)}`)).status).toBe(204);
    expect(reportOf(await client.chat.completions.create(hello))?.status).toBe('sender_unlinked');
  });

  it('to another tenant needs an unlinking first', async () => {
    const { senderId } = newSpeaker();
    await callMiddleware('POST', '/tenants', { tenant_id: OTHER_TENANT, name: 'Other' });
    await link(senderId);
    const refused = await link(senderId, OTHER_TENANT);
    expect(refused.status).toBe(409);
    expect(await refused.json()).toMatchObject({ error: { type: 'invalid_request_error', code: 'conflict' } });
    const listed = (await (await callAdmin('GET', `/identity-bindings?tenant_id=${stack.demo.tenant_id}`)).json()) as {
      data: { sender_id: string }[];
    };
    expect(listed.data.map((binding) => binding.sender_id)).toContain(senderId);
  });

  it.each([
    ['DELETE', '/identity-bindings/nobody', undefined, 404],
    ['POST', '/identity-bindings', { sender_id: 'someone' }, 400],
    ['POST', '/identity-bindings', { sender_id: 'someone', tenant_id: 'no-such-tenant' }, 404],
    ['POST', '/identity-bindings', { sender_id: '../someone', tenant_id: 'demo' }, 400],
    ['GET', '/identity-bindings?limit=0', undefined, 400],
    ['GET', '/nothing', undefined, 404],
  ])('%s %s %j is refused with %i and a reason', async (method, path, body, status) => {
    const response = await callAdmin(method, path, body);
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ error: { message: expect.any(String), type: 'invalid_request_error' } });
  });

  it('takes the admin key and no other', async () => {
    for (const key of [stack.keys.GATEWAY_API_KEY, stack.keys.MIDDLEWARE_API_KEY, 'wrong']) {
      expect((await callAdmin('GET', '/identity-bindings', undefined, key)).status).toBe(401);
    }
    const { client } = connect(SDKS[0]!, stack, { apiKey: stack.keys.ADMIN_API_KEY });
    expect(await failureOf(client.chat.completions.create(hello))).toMatchObject({ status: 401 });
  });

  it('that is undone elsewhere ends access to data at once, and every access within five seconds', async () => {
    const speaker = newSpeaker();
    await link(speaker.senderId);
    expect(await listTablesAs(speaker)).toContain('products');

    const unlinkedAt = performance.now();
    expect((await callMiddleware('DELETE', `/identity-bindings/${encodeURIComponent(speaker.senderId)}`)).status).toBe(204);
    // The gateway may still know the sender, but the middleware does not.
    stack.model.script(LIST_TABLES);
    const asked = stack.model.requests.length;
    const refused = await askTables(toChatSourceHeaders(stack, speaker));
    expect(refused.status).toBe(403);
    expect(await refused.json()).toMatchObject({ error: { type: 'permission_error', code: 'forbidden' } });
    expect(stack.model.requests.length).toBe(asked + 1);

    const { client } = connect(SDKS[0]!, stack, { speaker });
    let status: string | undefined = 'completed';
    let lastLetIn = 0;
    for (let poll = 0; poll < MAX_POLLS && status === 'completed'; poll += 1) {
      await delay(POLL_MS);
      const askedAt = performance.now();
      status = reportOf(await client.chat.completions.create(hello))?.status;
      if (status === 'completed') lastLetIn = askedAt - unlinkedAt;
    }
    expect(status).toBe('sender_unlinked');
    expect(lastLetIn).toBeLessThanOrEqual(FORGOTTEN_WITHIN_MS);
  });
});

describe('the tenant of a sender', () => {
  it('is the one it is linked to, whatever its headers claim', async () => {
    const speaker = newSpeaker();
    await callMiddleware('POST', '/tenants', { tenant_id: OTHER_TENANT, name: 'Other' });
    await link(speaker.senderId, OTHER_TENANT);
    expect(await listTablesAs({ ...speaker, senderId: stack.demo.sender_id, sessionId: `${speaker.sessionId}/demo` })).toContain(
      'products',
    );
    const claims = {
      [HEADERS.tenantId]: stack.demo.tenant_id,
      [HEADERS.allowedAgents]: '*',
      [HEADERS.dataBearer]: 'eyJhbGciOiJub25lIn0.e30.',
      [HEADERS.runId]: `run_${'0'.repeat(32)}`,
    };
    for (const [name, value] of Object.entries(claims)) {
      const refused = await askTables({ ...toChatSourceHeaders(stack, speaker), [name]: value });
      expect([name, refused.status, await refused.json()]).toMatchObject([name, 400, { error: { code: 'invalid_request', param: name } }]);
    }
    expect(await listTablesAs(speaker)).toBe('{"tables":[]}');
  });
});
