import { HEADERS } from '@rubot/contracts/headers';
import { LogLine } from '@rubot/contracts/log';
import type { ModelAnswer, ModelExchange } from '@rubot/testkit/model-upstream';
import { requestRaw, sendBytes } from '@rubot/testkit/raw-http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ModelStack, postBytes, postCompletion, startModelStack, toChatSourceHeaders } from '../_stack.ts';
import { FORGED_SERVICE, HOSTILE_TEXTS } from './_hostile-texts.ts';

/** What a reader of logs must be ready for: about twenty fields, each cut at a thousand characters, each character escaped. */
const MAX_LINE_CHARACTERS = 64_000;
const SERVICES = /^(?:rubot-(?:gateway|middleware|orchestrator|agent-[a-z]+)|workers-host)$/;
const LOUD = { LOG_LEVEL: 'debug' };

const lines: string[] = [];
const noise: string[] = [];
let stack: ModelStack;
beforeAll(async () => {
  stack = await startModelStack({
    agents: ['tables'],
    variables: { gateway: LOUD, middleware: LOUD, orchestrator: LOUD, 'agent-tables': LOUD },
    onLine: (line) => lines.push(line),
    onNoise: (line) => noise.push(line),
  });
});
afterAll(() => stack.stop());

/** As a header can carry it: its bytes, without those that end a header. */
function toHeader(text: string): string {
  return Buffer.from(text.slice(0, 4_000), 'utf8')
    .toString('latin1')
    .replace(/[\0\r\n]/g, '');
}

/** Asks with every text, and looks then at all that was logged meanwhile. */
async function attack(ask: (text: string) => Promise<{ readonly status: number }>): Promise<readonly LogLine[]> {
  const [firstLine, firstNoise] = [lines.length, noise.length];
  for (const text of HOSTILE_TEXTS) {
    const { status } = await ask(text);
    expect(status, JSON.stringify(text.slice(0, 80))).toBeLessThan(500);
  }
  await settle();
  const written = lines.slice(firstLine);
  expect(noise.slice(firstNoise)).toEqual([]);
  expect(Math.max(...written.map((line) => line.length))).toBeLessThan(MAX_LINE_CHARACTERS);
  const parsed = written.map((line) => LogLine.parse(JSON.parse(line)));
  expect(parsed.filter(({ service }) => !SERVICES.test(service))).toEqual([]);
  expect(parsed.filter((line) => line.service === FORGED_SERVICE)).toEqual([]);
  // No line that a terminal would obey: escapes of JSON are what is printed of it.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: it looks for them
  expect(written.filter((line) => /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/.test(line))).toEqual([]);
  expect(parsed.length).toBeGreaterThanOrEqual(HOSTILE_TEXTS.length);
  return parsed;
}

/** A request whose lines come last has come when those before it have. */
async function settle(): Promise<void> {
  stack.model.otherwise({ text: 'ok' });
  const response = await postCompletion(stack, { model: 'rubot/tables', messages: [{ role: 'user', content: 'Settle.' }] });
  expect(response.status).toBe(200);
  await stack.waitForTrace(response.headers.get(HEADERS.traceId) ?? '');
}

const HELLO = { model: 'rubot/tables', messages: [{ role: 'user', content: 'Hello!' }] };

describe('a text that is no text, from a client', () => {
  const HEADER_NAMES = [
    HEADERS.sessionId,
    HEADERS.senderId,
    HEADERS.idempotencyKey,
    HEADERS.traceId,
    HEADERS.traceparent,
    HEADERS.priority,
    HEADERS.memory,
    HEADERS.lastEventId,
    'authorization',
    'user-agent',
    'accept',
    'content-type',
    'x-forwarded-for',
    'cf-connecting-ip',
  ];

  it.each(HEADER_NAMES)('in the header %s', async (name) => {
    await attack(async (text) => {
      const own = { ...toChatSourceHeaders(stack), authorization: `Bearer ${stack.keys.GATEWAY_API_KEY}`, [name]: toHeader(text) };
      const head = Object.entries({ host: 'gateway', connection: 'close', ...own }).map(([key, value]) => `${key}: ${value}\r\n`);
      const [answer] = await sendBytes(stack.urls.gateway, Buffer.from(`GET /v1/runs HTTP/1.1\r\n${head.join('')}\r\n`, 'latin1'), {
        answers: 1,
      });
      return answer ?? { status: 0 };
    });
  });

  it.each(['gateway', 'middleware', 'orchestrator'] as const)('in paths and queries, known or not, of the %s', async (service) => {
    const places = [
      '/nowhere/',
      '/v1/runs/',
      '/v1/models/',
      '/internal/identity-bindings/',
      '/admin/identity-bindings/',
      '/data/',
      '/v1/runs?cursor=',
    ];
    await attack(async (text) => {
      const spelled = encodeURIComponent(text.toWellFormed())
        .slice(0, 6_000)
        .replace(/%[0-9A-F]?$/, '');
      for (const place of places) {
        const key =
          place.startsWith('/admin') && service === 'gateway'
            ? 'ADMIN_API_KEY'
            : service === 'middleware'
              ? 'MIDDLEWARE_API_KEY'
              : 'GATEWAY_API_KEY';
        const headers = Object.entries({
          ...toChatSourceHeaders(stack),
          authorization: `Bearer ${stack.keys[key]}`,
          [HEADERS.tenantId]: 'demo',
        });
        const { status } = await requestRaw(stack.urls[service], { path: `${place}${spelled}`, headers });
        expect(status).toBeLessThan(500);
      }
      return { status: 404 };
    });
  });

  it('in every text of a body', async () => {
    await attack((text) => postCompletion(stack, { ...HELLO, model: text }));
    await attack((text) =>
      postCompletion(stack, { ...HELLO, messages: [{ role: 'user', content: text, name: text }], user: text, [text]: text }),
    );
    await attack((text) => postCompletion(stack, { ...HELLO, tools: [{ type: 'function', function: { name: text } }] }));
    await attack((text) => postBytes(stack, text === '' ? '{' : text));
  });

  it('in what is no request at all', async () => {
    await attack(async (text) => {
      await sendBytes(
        stack.urls.orchestrator,
        `GET /${text.slice(0, 200)} HTTP/1.1\r\nhost: x\r\nx-a: ${text.slice(0, 200)}\r\nconnection: close\r\n\r\n`,
        {
          answers: 1,
        },
      );
      return requestRaw(stack.urls.orchestrator, { path: '/nowhere' });
    });
  });
});

describe('a text that is no text, from a model', () => {
  const asked = ({ body }: ModelExchange) => (body['messages'] as readonly unknown[]).length;

  it('in its answer, in its calls and in the cells that it writes', async () => {
    await attack(async (text) => {
      const csv = `note,number\n"${text.slice(0, 2_000).replaceAll('"', '""')}",1\n`;
      const steps: readonly ModelAnswer[] = [
        { toolCalls: [{ id: 'c1', name: 'tables_query', arguments: { table: text, [text]: text, columns: [text] } }] },
        { toolCalls: [{ id: 'c2', name: text.slice(0, 64), arguments: {} }] },
        { toolCalls: [{ id: text, name: 'tables_list', arguments: {} }], finishReason: text },
        { toolCalls: [{ id: 'c4', name: 'tables_create_from_csv', arguments: { name: `hostile_${HOSTILE_TEXTS.indexOf(text)}`, csv } }] },
        { text },
      ];
      // A conversation grows by two messages with each step.
      stack.model.otherwise((exchange) => exchange.answer(steps[Math.floor((asked(exchange) - 2) / 2)] ?? { text: 'done' }));
      await postCompletion(stack, HELLO);
      // A model that makes no sense is a failure of the model's.
      return { status: 200 };
    });
  });

  it('in its refusals', async () => {
    const refusals: number[] = [];
    await attack(async (text) => {
      stack.model.script({ status: 400, body: JSON.stringify({ error: { message: text, type: text, code: text, param: text } }) });
      refusals.push((await postCompletion(stack, HELLO)).status);
      return { status: 400 };
    });
    expect(refusals.every((status) => status >= 400)).toBe(true);
  });
});
