import { gzipSync } from 'node:zlib';
import { HEADERS } from '@rubot/contracts/headers';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { ProcessEnd } from '../../src/processes/start-process.ts';
import { type ModelStack, postBytes, postCompletion, startModelStack } from '../_stack.ts';
import { expectRefusal } from './_refusal.ts';

const crashes: ProcessEnd[] = [];
let stack: ModelStack;
beforeAll(async () => {
  stack = await startModelStack({ agents: ['conversational', 'tables'], onCrash: (end) => crashes.push(end) });
});
afterAll(() => stack.stop());

// Whatever was sent, the platform lives and answers the next one.
afterEach(async () => {
  expect(crashes).toEqual([]);
  expect((await postCompletion(stack, CHAT)).status).toBe(200);
});

const MESSAGE = { role: 'user', content: 'Hello!' };
const CHAT = { model: 'rubot/conversational', messages: [MESSAGE] };
const TOOL = { type: 'function', function: { name: 'look_up' } };
const CALL = { id: 'call_1', type: 'function', function: { name: 'look_up', arguments: '{}' } };
const DEPTH = 100_000;

const utf8 = new TextEncoder();
const nest = (open: string, close: string) => `${open.repeat(DEPTH)}1${close.repeat(DEPTH)}`;
const inSchema = (json: string) =>
  `{"messages":[{"role":"user","content":"hi"}],"tools":[{"type":"function","function":{"name":"f","parameters":${json}}}]}`;
const inMessage = (json: string) => `{"messages":[{"role":"user","content":"hi","x":${json}}]}`;

function inContent(...bytes: number[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array([...utf8.encode('{"messages":[{"role":"user","content":"'), ...bytes, ...utf8.encode('"}]}')]);
}

describe('a body', () => {
  it.each<[string, string | Uint8Array<ArrayBuffer>]>([
    ['nothing', ''],
    ['blanks', ' \n\t '],
    ['an open brace', '{'],
    ['a cut object', '{"model":"rubot","messages":[{"role":"user","content":"hi'],
    ['something behind the object', `${JSON.stringify(CHAT)}}`],
    ['two objects', `${JSON.stringify(CHAT)}${JSON.stringify(CHAT)}`],
    ['single quotes', "{'messages':[]}"],
    ['a trailing comma', '{"messages":[{"role":"user","content":"hi"},]}'],
    ['NaN', '{"messages":[{"role":"user","content":"hi"}],"temperature":NaN}'],
    ['null', 'null'],
    ['a list', JSON.stringify([MESSAGE])],
    ['a text', '"hello"'],
    ['a number', '42'],
    ['a raw line break in a text', '{"messages":[{"role":"user","content":"a\nb"}]}'],
    ['a byte that is no UTF-8', utf8.encode(JSON.stringify(CHAT)).map((byte) => (byte === 0x48 ? 0xff : byte))],
    ['a cut character', inContent(0xf0, 0x9f)],
    ['a surrogate that stands as a character', inContent(0xed, 0xa0, 0x80)],
    ['UTF-16', new Uint8Array(Buffer.from(`\ufeff${JSON.stringify(CHAT)}`, 'utf16le'))],
    ['100,000 lists, closed', inMessage(nest('[', ']'))],
    ['100,000 lists, not closed', '['.repeat(DEPTH)],
    ['100,000 objects, closed', inMessage(nest('{"a":', '}'))],
    ['100,000 objects, not closed', '{"a":'.repeat(DEPTH)],
    ['100,000 objects in the schema of a tool', inSchema(nest('{"items":', '}'))],
    ['a __proto__ on top', '{"__proto__":{"role":"admin"},"messages":[{"role":"user","content":"hi"}]}'],
    ['a __proto__ in a message', '{"messages":[{"role":"user","content":"hi","__proto__":{"tool_calls":[]}}]}'],
    ['a __proto__ with an escape in its name', '{"messages":[{"role":"user","content":"hi","__proto\\u005f_":{}}]}'],
  ])('of %s is refused', async (_what, body) => {
    await expectRefusal(await postBytes(stack, body), { status: 400, code: 'invalid_request' });
  });

  it.each<[string, Record<string, unknown>, string]>([
    ['no messages', { messages: undefined }, 'messages'],
    ['empty messages', { messages: [] }, 'messages'],
    ['a text for messages', { messages: 'hi' }, 'messages'],
    ['an object for messages', { messages: { 0: MESSAGE } }, 'messages'],
    ['null for a message', { messages: [null] }, 'messages[0]'],
    ['a role that is none', { messages: [{ role: 'root', content: 'hi' }] }, 'messages[0].role'],
    ['a number for content', { messages: [{ role: 'user', content: 7 }] }, 'messages[0].content'],
    ['a user message without content', { messages: [{ role: 'user' }] }, 'messages[0].content'],
    ['an empty list for content', { messages: [{ role: 'user', content: [] }] }, 'messages[0].content'],
    ['an assistant message that says nothing', { messages: [MESSAGE, { role: 'assistant' }] }, 'messages[1]'],
    ['a call without its result', { messages: [MESSAGE, { role: 'assistant', tool_calls: [CALL] }] }, 'messages[1].tool_calls'],
    ['a result without its call', { messages: [MESSAGE, { role: 'tool', tool_call_id: 'x', content: '' }] }, 'messages[1].tool_call_id'],
    ['too many messages', { messages: Array.from({ length: 1_001 }, () => MESSAGE) }, 'messages'],
    ['an empty model', { model: '' }, 'model'],
    ['a number for a model', { model: 4 }, 'model'],
    ['a model of 300 letters', { model: 'm'.repeat(300) }, 'model'],
    ['two choices', { n: 2 }, 'n'],
    ['a text for stream', { stream: 'true' }, 'stream'],
    ['a text for temperature', { temperature: '1' }, 'temperature'],
    ['half a token', { max_tokens: 0.5 }, 'max_tokens'],
    ['no tokens', { max_completion_tokens: 0 }, 'max_completion_tokens'],
    ['five stop words', { stop: ['a', 'b', 'c', 'd', 'e'] }, 'stop'],
    ['an object for tools', { tools: {} }, 'tools'],
    ['a tool without a function', { tools: [{ type: 'function' }] }, 'tools[0].function'],
    ['a tool with blanks in its name', { tools: [{ type: 'function', function: { name: 'look up' } }] }, 'tools[0].function.name'],
    ['a list for the schema of a tool', { tools: [{ ...TOOL, function: { name: 'a', parameters: [] } }] }, 'tools[0].function.parameters'],
    ['too many tools', { tools: Array.from({ length: 129 }, () => TOOL) }, 'tools'],
    ['a choice of no tools', { tool_choice: 'required' }, 'tool_choice'],
    ['a choice of a tool that is not there', { tools: [TOOL], tool_choice: { type: 'function', function: { name: 'x' } } }, 'tool_choice'],
    ['an answer of no known format', { response_format: { type: 'xml' } }, 'response_format.type'],
    ['stream options that are none', { stream: true, stream_options: { include_usage: 'yes' } }, 'stream_options.include_usage'],
  ])('with %s is refused by the name of the field', async (_what, fields, param) => {
    await expectRefusal(await postCompletion(stack, { ...CHAT, ...fields }), { status: 400, code: 'invalid_request', param });
  });

  it.each(['gpt-9', 'rubot/', 'rubot/nobody', 'rubot/conversational/x', 'RUBOT', '__proto__', 'rubot/constructor', '../rubot'])(
    'that names the model %s, which is not there, is refused',
    async (model) => {
      await expectRefusal(await postCompletion(stack, { ...CHAT, model }), { status: 404, code: 'model_not_found', param: 'model' });
    },
  );

  it('of 60 MB is refused, whether its length is told or not', async () => {
    const bytes = new Uint8Array(60_000_000).fill(0x20);
    const endless = new Blob([bytes]).stream();
    await expectRefusal(await postBytes(stack, bytes), { status: 413, code: 'payload_too_large' });
    await expectRefusal(await postBytes(stack, endless, { duplex: 'half' } as RequestInit), { status: 413, code: 'payload_too_large' });
  });

  it('one byte over 1 MiB is refused at the edge, and one of 1 MiB reaches the model', async () => {
    const size = utf8.encode(JSON.stringify({ ...CHAT, user: '' })).byteLength;
    const fill = (bytes: number) => ({ ...CHAT, user: 'x'.repeat(bytes - size) });
    await expectRefusal(await postCompletion(stack, fill(1_048_577)), { status: 413, code: 'payload_too_large' });
    expect((await postCompletion(stack, fill(1_048_576))).status).toBe(200);
  });

  it.each(['text/plain', 'multipart/form-data; boundary=x', 'application/x-www-form-urlencoded'])('as %s is refused', async (type) => {
    const refused = await postCompletion(stack, CHAT, { headers: { 'content-type': type } });
    await expectRefusal(refused, { status: 415, code: 'unsupported_media_type' });
  });

  it('that is compressed is refused', async () => {
    const body = new Uint8Array(gzipSync(JSON.stringify(CHAT)));
    await expectRefusal(await postBytes(stack, body, { headers: { 'content-encoding': 'gzip' } }), { status: 400 });
  });
});

describe('a key', () => {
  it.each<[string, (key: string) => string]>([
    ['none', () => ''],
    ['no token', () => 'Bearer'],
    ['a wrong one', () => 'Bearer wrong'],
    ['a part of the right one', (key) => `Bearer ${key.slice(0, -1)}`],
    ['more than the right one', (key) => `Bearer ${key}x`],
    ['the right one twice', (key) => `Bearer ${key} ${key}`],
    ['the right one in another scheme', (key) => `Basic ${key}`],
    ['the right one alone', (key) => key],
    ['8 kB', () => `Bearer ${'k'.repeat(8_192)}`],
  ])('of %s is refused', async (_what, toHeader) => {
    const refused = await postCompletion(stack, CHAT, { headers: { authorization: toHeader(stack.keys.GATEWAY_API_KEY) } });
    const message = await expectRefusal(refused, { status: 401, code: 'invalid_api_key' });
    expect(message).not.toContain(stack.keys.GATEWAY_API_KEY);
  });

  it.each(['ADMIN_API_KEY', 'ORCHESTRATOR_API_KEY', 'MIDDLEWARE_API_KEY', 'BEARER_SIGNING_SECRET'] as const)(
    'that is our %s opens nothing here',
    async (name) => {
      const refused = await postCompletion(stack, CHAT, { headers: { authorization: `Bearer ${stack.keys[name]}` } });
      await expectRefusal(refused, { status: 401, code: 'invalid_api_key' });
    },
  );

  it('is asked for before anything else is looked at', async () => {
    await expectRefusal(await postBytes(stack, '{', { headers: { authorization: '', [HEADERS.senderId]: '' } }), { status: 401 });
  });
});

describe('an identity', () => {
  it.each([HEADERS.sessionId, HEADERS.senderId])('without %s, or with one that is none, is refused', async (name) => {
    for (const value of ['', ' ', 'x'.repeat(300), 'a, b', 'caf\u00e9']) {
      const refused = await postCompletion(stack, CHAT, { headers: { [name]: value } });
      await expectRefusal(refused, { status: 400, code: 'invalid_request', param: name });
    }
  });
});

describe('a path', () => {
  it.each([
    ['GET', '/v1/chat/completions'],
    ['PUT', '/v1/chat/completions'],
    ['POST', '/v1/chat/completions/x'],
    ['POST', '/v1/completions'],
    ['GET', '/v1/models/%E0%A4%A'],
    ['GET', '/v1/models/..%2f..%2fadmin'],
    ['GET', `/v1/models/${'m'.repeat(5_000)}`],
    ['GET', '/internal/sessions/resolve'],
    ['GET', '/data/demo/tools'],
    ['GET', '/__proto__'],
  ])('%s %s leads nowhere', async (method, path) => {
    const response = await fetch(`${stack.urls.gateway}${path.slice(0, 6_000)}`, {
      method,
      headers: {
        authorization: `Bearer ${stack.keys.GATEWAY_API_KEY}`,
        [HEADERS.sessionId]: stack.demo.session_id,
        [HEADERS.senderId]: stack.demo.sender_id,
      },
    });
    await expectRefusal(response, { status: 404 });
  });
});

describe('a header of ours, sent by a client', () => {
  const wishes = [HEADERS.onDisconnect, HEADERS.priority, HEADERS.memory, HEADERS.sessionStrategy];
  const own: ReadonlySet<string> = new Set([HEADERS.sessionId, HEADERS.senderId, HEADERS.idempotencyKey, ...wishes]);
  const isInternal = (name: string) => /^(?:x-rubot-|x-tenant-id$)/.test(name) && name !== HEADERS.traceId;
  const forged = Object.values(HEADERS).filter((name) => !own.has(name));

  it.each(forged.filter(isInternal))('%s is refused by name', async (name) => {
    const response = await postCompletion(stack, CHAT, { headers: { [name]: 'forged-by-client' } });
    await expectRefusal(response, { status: 400, code: 'invalid_request', param: name });
  });

  it.each(forged.filter((name) => !isInternal(name)))('%s changes nothing and comes back in nothing', async (name) => {
    for (const value of ['forged-by-client', '0', '99', '*', `run_${'f'.repeat(32)}`, `00-${'0'.repeat(32)}-${'0'.repeat(16)}-01`]) {
      const asked = stack.model.nextRequest();
      const response = await postCompletion(stack, CHAT, { headers: { [name]: value } });
      expect([value, response.status, await response.json()]).toMatchObject([value, 200, { rubot: { status: 'completed' } }]);
      expect([...response.headers.values()]).not.toContain(value);
      expect(JSON.stringify((await asked).headers)).not.toContain('forged-by-client');
    }
  });

  it.each(wishes)('%s is refused when it is none of the choices, or two of them', async (name) => {
    for (const value of ['forged-by-client', 'cancel, continue', '']) {
      const response = await postCompletion(stack, CHAT, { headers: { [name]: value } });
      await expectRefusal(response, { status: 400, code: 'invalid_request', param: name });
    }
  });

  it('a key that is none is refused', async () => {
    for (const value of ['k'.repeat(256), 'two words']) {
      const response = await postCompletion(stack, CHAT, { headers: { [HEADERS.idempotencyKey]: value } });
      await expectRefusal(response, { status: 400, code: 'invalid_request', param: HEADERS.idempotencyKey });
    }
  });

  it.each(['0'.repeat(32), 'A'.repeat(32), 'a'.repeat(33), 'g'.repeat(32), '<script>'])('a trace id of %s is replaced', async (value) => {
    const response = await postCompletion(stack, CHAT, { headers: { [HEADERS.traceId]: value } });
    expect(response.headers.get(HEADERS.traceId)).toMatch(/^(?!0{32}$)[0-9a-f]{32}$/);
    expect(response.headers.get(HEADERS.traceId)).not.toBe(value);
  });

  it('a trace id that is one is kept, also on a refusal', async () => {
    for (const body of [CHAT, {}]) {
      const traceId = crypto.randomUUID().replaceAll('-', '');
      const response = await postCompletion(stack, body, { headers: { [HEADERS.traceId]: traceId } });
      expect(response.headers.get(HEADERS.traceId)).toBe(traceId);
    }
  });
});
