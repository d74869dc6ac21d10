import { HEADERS } from '@rubot/contracts/headers';
import { requestRaw, sendBytes } from '@rubot/testkit/raw-http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ModelStack, startModelStack } from '../_stack.ts';
import { signSound } from './_forgeries.ts';
import { toKind } from './_roles.ts';
import { askAdmin, buildTenant, type TenantWorld } from './_world.ts';

/** Another sender of tenant A. */
const NEIGHBOUR = 'neighbour';
let stack: ModelStack;
let a: TenantWorld;
let b: TenantWorld;
beforeAll(async () => {
  stack = await startModelStack({ agents: ['tables'], seed: false });
  [a, b] = [await buildTenant(stack, 'a'), await buildTenant(stack, 'b')];
  await askAdmin(stack, 'POST', '/identity-bindings', { tenant_id: a.tenant, sender_id: NEIGHBOUR });
});
afterAll(() => stack.stop());

type Pairs = readonly (readonly [name: string, value: string])[];

function asChatSource({ sender, session }: Pick<TenantWorld, 'sender' | 'session'> = a): Pairs {
  return [
    ['authorization', `Bearer ${stack.keys.GATEWAY_API_KEY}`],
    [HEADERS.senderId, sender],
    [HEADERS.sessionId, session],
  ];
}

const HELLO = JSON.stringify({ model: 'rubot/tables', messages: [{ role: 'user', content: 'Hello!' }] });

function complete(headers: Pairs, body = HELLO) {
  return requestRaw(stack.urls.gateway, {
    method: 'POST',
    path: '/v1/chat/completions',
    headers: [...headers, ['content-type', 'application/json']],
    body,
  });
}

let asked = 0;
/** Of something new each time: of refusals that are alike, the first of some seconds is kept on record, and of one actor's so many a minute. */
function ask(headers: Pairs) {
  asked += 1;
  return requestRaw(stack.urls.gateway, { path: `/v1/runs/run_${String(asked).padStart(32, '0')}`, headers });
}

/** Another token of tenant A with every call. */
function asSomeToken(): Pairs {
  const tokens = Object.values(a.tokens);
  return [['authorization', `Bearer ${tokens[asked % tokens.length]?.token}`]];
}

interface Entry {
  readonly seq: number;
  readonly action: string;
  readonly actor: string;
  readonly outcome: string;
  readonly details: Readonly<Record<string, unknown>>;
}

async function readChain(path: string): Promise<readonly Entry[]> {
  const response = await fetch(`${stack.urls.gateway}/admin${path}?limit=1000`, {
    headers: { authorization: `Bearer ${stack.keys.ADMIN_API_KEY}` },
  });
  const lines = (await response.text()).split('\n').filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line) as Entry);
}

/** What has been refused on record since, in any chain that it may stand in. */
async function refusedDuring(work: () => Promise<void>): Promise<readonly Entry[]> {
  const chains = ['/audit', `/tenants/${a.tenant}/audit`, `/tenants/${b.tenant}/audit`];
  const read = async () => (await Promise.all(chains.map(readChain))).flat();
  const before = new Set((await read()).map((entry) => JSON.stringify(entry)));
  const asked = stack.model.requests.length;
  await work();
  // Nothing of it has come as far as a model.
  expect(stack.model.requests.length).toBe(asked);
  return (await read()).filter((entry) => !before.has(JSON.stringify(entry)) && entry.outcome === 'refused');
}

describe('a header that only our services may send', () => {
  const internal = Object.values(HEADERS).filter((name) => name.startsWith('x-rubot-') || name === HEADERS.tenantId);
  const forClients: readonly string[] = [HEADERS.traceId, HEADERS.onDisconnect, HEADERS.priority, HEADERS.memory, HEADERS.sessionStrategy];
  const names = [
    ...internal.filter((name) => !forClients.includes(name)),
    'x-rubot-anything-new',
    'X-Rubot-Tenant',
    'X-TENANT-ID',
    'cf-access-client-id',
    'cf-access-client-secret',
  ];

  it.each([...new Set(names)])('is refused and on record: %s', async (name) => {
    const entries = await refusedDuring(async () => {
      const answer = await ask([...asSomeToken(), [name, b.tenant]]);
      expect([answer.status, answer.text], answer.text).toEqual([400, expect.stringContaining(name.toLowerCase())]);
    });
    expect(entries).toMatchObject([{ action: 'request.refused', details: { header: name.toLowerCase() } }]);
  });

  it('is refused to chat sources and administrators alike', async () => {
    const entries = await refusedDuring(async () => {
      const token: Pairs = [['authorization', `Bearer ${a.tokens['admin:*'].token}`]];
      expect((await complete([...asChatSource(), [HEADERS.tenantId, b.tenant]])).status).toBe(400);
      for (const headers of [token, [['authorization', `Bearer ${stack.keys.ADMIN_API_KEY}`] as const]]) {
        const path = `/admin/tenants/${a.tenant}`;
        const answer = await requestRaw(stack.urls.gateway, { path, headers: [...headers, [HEADERS.actor, 'operator']] });
        expect(answer.status, answer.text).toBe(400);
      }
    });
    expect(entries).toHaveLength(3);
  });

  it('from somebody unknown is refused, and fills no record', async () => {
    const entries = await refusedDuring(async () => {
      expect((await complete([[HEADERS.tenantId, b.tenant]])).status).toBe(401);
      expect(
        (
          await complete([
            ['authorization', 'Bearer wrong'],
            [HEADERS.dataBearer, 'x'],
          ])
        ).status,
      ).toBe(401);
    });
    expect(entries).toEqual([]);
  });
});

describe('a header that is sent twice, over a real socket', () => {
  const twice: Readonly<Record<string, () => Pairs>> = {
    session: () => [
      [HEADERS.sessionId, a.session],
      [HEADERS.sessionId, b.session],
    ],
    sender: () => [
      [HEADERS.senderId, a.sender],
      [HEADERS.senderId, b.sender],
    ],
    'idempotency key': () => [
      [HEADERS.idempotencyKey, 'one'],
      [HEADERS.idempotencyKey, 'two'],
    ],
    priority: () => [
      [HEADERS.priority, 'high'],
      [HEADERS.priority, 'low'],
    ],
    memory: () => [
      [HEADERS.memory, 'none'],
      [HEADERS.memory, 'session'],
    ],
    strategy: () => [
      [HEADERS.sessionStrategy, 'reject'],
      [HEADERS.sessionStrategy, 'interrupt'],
    ],
    'on-disconnect': () => [
      [HEADERS.onDisconnect, 'cancel'],
      [HEADERS.onDisconnect, 'continue'],
    ],
  };

  it.each(Object.entries(twice))('is refused and on record: %s', async (_, added) => {
    const entries = await refusedDuring(async () => {
      const answer = await ask([...asSomeToken(), ...added()]);
      expect(answer.status, answer.text).toBe(400);
    });
    expect(entries).toMatchObject([{ action: 'request.refused' }]);
  });

  it('is refused where it is the credential', async () => {
    const key = ['authorization', `Bearer ${stack.keys.GATEWAY_API_KEY}`] as const;
    for (const other of [`Bearer ${a.tokens['chat:write'].token}`, `Bearer ${stack.keys.GATEWAY_API_KEY}`, 'Bearer x', '']) {
      for (const pair of [
        [key, ['authorization', other] as const],
        [['authorization', other] as const, key],
      ]) {
        const answer = await complete([...asChatSource().slice(1), ...pair]);
        // An empty one beside it is still one credential too many, or none at all.
        expect([400, 401, other === '' ? 200 : 401], `${other}: ${answer.text}`).toContain(answer.status);
      }
    }
  });

  it('reaches no service behind the gateway either', async () => {
    const bearers = [
      signSound(toKind(a, 'data'), stack.keys.BEARER_SIGNING_SECRET),
      signSound(toKind(b, 'data'), stack.keys.BEARER_SIGNING_SECRET),
    ];
    const headers = bearers.map((bearer) => ['authorization', `Bearer ${bearer}`] as const);
    for (const pair of [headers, [...headers].reverse()]) {
      const answer = await requestRaw(stack.urls.middleware, { path: `/data/${b.tenant}/tools`, headers: pair });
      expect(answer.status, answer.text).toBe(401);
    }
    const hop = ['authorization', `Bearer ${stack.keys.GATEWAY_API_KEY}`] as const;
    const tenants: Pairs = [
      [HEADERS.tenantId, a.tenant],
      [HEADERS.tenantId, b.tenant],
      [HEADERS.senderId, a.sender],
    ];
    const answer = await requestRaw(stack.urls.orchestrator, { path: '/v1/runs', headers: [hop, ...tenants] });
    expect(answer.status, answer.text).toBe(400);
  });
});

describe('somebody who says to be another', () => {
  const others: Readonly<Record<string, () => Pairs>> = {
    'the session of another sender of its tenant': () => asChatSource({ sender: NEIGHBOUR, session: a.session }),
    'the sender of a token, from the chat source': () => asChatSource({ sender: `token:${a.tokens['chat:write'].id}`, session: 'x' }),
    'the sender of a token of another tenant, with a token': () => [
      ['authorization', `Bearer ${a.tokens['chat:write'].token}`],
      [HEADERS.senderId, `token:${b.tokens['chat:write'].id}`],
    ],
    'the sender of another token of its tenant': () => [
      ['authorization', `Bearer ${a.tokens['chat:write'].token}`],
      [HEADERS.senderId, `token:${a.tokens['admin:*'].id}`],
    ],
    'a sender of another tenant, with a token': () => [
      ['authorization', `Bearer ${a.tokens['chat:write'].token}`],
      [HEADERS.senderId, b.sender],
      [HEADERS.sessionId, b.session],
    ],
    'the session of a sender of its tenant, with a token': () => [
      ['authorization', `Bearer ${a.tokens['chat:write'].token}`],
      [HEADERS.sessionId, a.session],
    ],
  };

  it.each(Object.entries(others))('is refused and on record: %s', async (_, headers) => {
    const entries = await refusedDuring(async () => {
      const answer = await ask(headers());
      expect(answer.status, answer.text).toBe(403);
    });
    expect(entries).toMatchObject([{ action: 'access.refused' }]);
  });

  it('has a session of its own where one of another tenant has the same name', async () => {
    const { status } = await complete([...asChatSource({ sender: a.sender, session: b.session }), [HEADERS.memory, 'session']]);
    expect(status).toBe(200);
    const prompt = JSON.stringify(stack.model.requests.at(-1)?.body);
    expect(prompt).toContain('Hello!');
    expect(prompt).not.toContain(b.mark);
  });

  it('cannot have a sender of a token bound, by the operator or by a PIN', async () => {
    const body = { tenant_id: a.tenant, sender_id: `token:${a.tokens['chat:write'].id}` };
    await expect(askAdmin(stack, 'POST', '/identity-bindings', body)).rejects.toThrow(/: 400 /);
    await expect(askAdmin(stack, 'POST', `/tenants/${a.tenant}/link-pins`, { sender_id: body.sender_id })).rejects.toThrow(/: 400 /);
  });
});

// Of the Workers' requests, Cloudflare's edge decides where one ends; workerd itself reads chunks before lengths.
describe.each(['orchestrator', 'agent'] as const)('two requests in one, at the %s', (service) => {
  const SMUGGLED = 'GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n';
  const attempts: Readonly<Record<string, string>> = {
    'length and chunks': `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n${SMUGGLED}`,
    'chunks and length': `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n${SMUGGLED}`,
    'two lengths': `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\ncontent-length: ${SMUGGLED.length}\r\n\r\n${SMUGGLED}`,
    'a list of lengths': `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 0, ${SMUGGLED.length}\r\n\r\n${SMUGGLED}`,
    'an odd coding': `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ntransfer-encoding: xchunked\r\ncontent-length: 0\r\n\r\n${SMUGGLED}`,
    'a coding behind a tab': `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ntransfer-encoding:\tchunked\r\ncontent-length: 4\r\n\r\n0\r\n\r\n${SMUGGLED}`,
    'a blank before the colon': `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ntransfer-encoding : chunked\r\ncontent-length: 0\r\n\r\n${SMUGGLED}`,
    'a folded header': `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nx-a: 1\r\n transfer-encoding: chunked\r\ncontent-length: 0\r\n\r\n${SMUGGLED}`,
    'bare line ends': `POST /v1/chat/completions HTTP/1.1\nhost: x\ncontent-length: 0\nx-a: 1\n\n${SMUGGLED}`,
    'a signed length': `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: +0\r\n\r\n${SMUGGLED}`,
    'a chunk with a wrong size': `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n0x0\r\n\r\n${SMUGGLED}`,
  };

  it.each(Object.entries(attempts))('are not taken for two: %s', async (_, bytes) => {
    const { agents, ...urls } = stack.urls;
    const answers = await sendBytes(service === 'agent' ? (agents['tables'] ?? '') : urls.orchestrator, bytes);
    expect(
      answers.filter(({ text, status }) => text.includes('/smuggled') && status !== 400).map(({ status, text }) => `${status} ${text}`),
    ).toEqual([]);
    expect(answers.every(({ status }) => status >= 400)).toBe(true);
  });
});

it.each(['gateway', 'middleware', 'orchestrator'] as const)('headers that are too large are refused by the %s', async (service) => {
  for (const size of [20_000, 200_000]) {
    const head = `GET /v1/runs HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${'x'.repeat(size)}\r\nconnection: close\r\n\r\n`;
    const answers = await sendBytes(stack.urls[service], head, { answers: 1 });
    for (const { status } of answers) expect(status).toBeGreaterThanOrEqual(400);
    for (const { status } of answers) expect(status).toBeLessThan(500);
  }
  expect((await fetch(`${stack.urls[service]}/healthz`)).status).toBe(200);
});
