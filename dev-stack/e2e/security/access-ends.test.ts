import { setTimeout as delay } from 'node:timers/promises';
import { HEADERS } from '@rubot/contracts/headers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ModelStack, startModelStack } from '../_stack.ts';
import { askAdmin, type IssuedToken, issueToken, redeem } from './_world.ts';

/** What the product promises, from the moment at which the end was answered. */
const ENDED_WITHIN_MS = 5_000;
/** For a machine that does several things at a time. */
const MARGIN_MS = 1_500;
const READERS = 6;

let stack: ModelStack;
const TENANT = 'tenant-ends';
beforeAll(async () => {
  stack = await startModelStack({ agents: ['tables'], seed: false });
  await askAdmin(stack, 'POST', '/tenants', { tenant_id: TENANT, name: 'Ends' });
  await askAdmin(stack, 'POST', '/tenants', { tenant_id: OTHER, name: 'Other' });
});
afterAll(() => stack.stop());

const OTHER = 'tenant-other';
let people = 0;
async function newSender(): Promise<string> {
  people += 1;
  const senderId = `ends-${people}`;
  await askAdmin(stack, 'POST', '/identity-bindings', { tenant_id: TENANT, sender_id: senderId });
  return senderId;
}

type Headers = Readonly<Record<string, string>>;

function asChatSource(senderId: string, sessionId = `${senderId}/session`): Headers {
  return { authorization: `Bearer ${stack.keys.GATEWAY_API_KEY}`, [HEADERS.senderId]: senderId, [HEADERS.sessionId]: sessionId };
}

const toBearer = (credential: string): Headers => ({ authorization: `Bearer ${credential}` });

/** By which somebody has access, and how it ends. */
interface Access {
  readonly headers: Headers;
  readonly end: () => Promise<unknown>;
}

const ACCESSES: Readonly<Record<string, () => Promise<Access>>> = {
  async 'a token that is revoked'() {
    const { id, token } = await issueToken(stack, TENANT, ['chat:write', 'run:read']);
    return { headers: toBearer(token), end: () => askAdmin(stack, 'DELETE', `/tenants/${TENANT}/tokens/${id}`) };
  },
  async 'a bearer of an action whose token is revoked'() {
    const issued = await issueToken(stack, TENANT, ['chat:write', 'run:read']);
    const headers = toBearer(await redeem(stack, issued, ['chat:write', 'run:read']));
    return { headers, end: () => askAdmin(stack, 'DELETE', `/tenants/${TENANT}/tokens/${issued.id}`) };
  },
  async 'a sender that is unbound'() {
    const senderId = await newSender();
    return { headers: asChatSource(senderId), end: () => askAdmin(stack, 'DELETE', `/identity-bindings/${senderId}`) };
  },
  async 'a sender that is unbound past this gateway'() {
    const senderId = await newSender();
    const headers = { authorization: `Bearer ${stack.keys.MIDDLEWARE_API_KEY}` };
    const end = () => fetch(`${stack.urls.middleware}/internal/identity-bindings/${senderId}`, { method: 'DELETE', headers });
    return { headers: asChatSource(senderId), end };
  },
};

async function askRuns(headers: Headers): Promise<number> {
  const response = await fetch(`${stack.urls.gateway}/v1/runs`, { headers });
  await response.body?.cancel();
  return response.status;
}

/** Asks without a pause until told to stop; when it was last let in. */
function keepAsking(headers: Headers): { stop(): Promise<{ lastSuccessAtMs: number; statuses: ReadonlySet<number>; successes: number }> } {
  let isStopped = false;
  let lastSuccessAtMs = 0;
  let successes = 0;
  const statuses = new Set<number>();
  async function loop(): Promise<void> {
    while (!isStopped) {
      const startedAtMs = performance.now();
      const status = await askRuns(headers);
      statuses.add(status);
      if (status === 200) {
        lastSuccessAtMs = startedAtMs;
        successes += 1;
      }
      await delay(20);
    }
  }
  const loops = Promise.all(Array.from({ length: READERS }, loop));
  return {
    async stop() {
      isStopped = true;
      await loops;
      return { lastSuccessAtMs, statuses, successes };
    },
  };
}

describe.each(Object.entries(ACCESSES))('%s', (_, give) => {
  it('opens nothing later than promised, under load, an open stream included', { timeout: 60_000 }, async () => {
    const { headers, end } = await give();
    const told = Promise.withResolvers<void>();
    stack.model.script(async (exchange) => {
      exchange.sendText('I begin, ');
      await told.promise;
    });
    const body = JSON.stringify({ model: 'rubot/tables', stream: true, messages: [{ role: 'user', content: 'A story!' }] });
    const stream = await fetch(`${stack.urls.gateway}/v1/chat/completions`, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body,
    });
    expect(stream.status).toBe(200);
    const asking = keepAsking(headers);
    const read = stream.text().then((text) => ({ text, atMs: performance.now() }));
    await delay(1_000);
    await end();
    const endedAtMs = performance.now();
    const { text, atMs } = await read;
    await delay(Math.max(0, endedAtMs + ENDED_WITHIN_MS + MARGIN_MS - performance.now()));
    const { lastSuccessAtMs, statuses, successes } = await asking.stop();
    told.resolve();
    expect(successes).toBeGreaterThan(READERS);
    expect(lastSuccessAtMs - endedAtMs).toBeLessThan(ENDED_WITHIN_MS);
    expect(atMs - endedAtMs).toBeLessThan(ENDED_WITHIN_MS + MARGIN_MS);
    const frames = text.split('\n\n').filter((frame) => frame.startsWith('data: '));
    expect(frames.at(-1)).toMatch(/"code":"(?:forbidden|invalid_api_key)"/);
    expect(text).not.toContain('[DONE]');
    expect(
      [...statuses].every((status) => [200, 401, 403, 429].includes(status)),
      [...statuses].join(),
    ).toBe(true);
    expect([401, 403]).toContain(await askRuns(headers));
  });
});

function link(pin: string, senderId: string): Promise<Response> {
  return fetch(`${stack.urls.gateway}/v1/link`, {
    method: 'POST',
    headers: { ...asChatSource(senderId), 'content-type': 'application/json' },
    body: JSON.stringify({ pin }),
  });
}

async function createPin(body: object = {}, tenant = TENANT): Promise<string> {
  return String((await askAdmin(stack, 'POST', `/tenants/${tenant}/link-pins`, body))['pin']);
}

async function tenantOf(senderId: string): Promise<unknown> {
  const { data } = (await askAdmin(stack, 'GET', '/identity-bindings?limit=200')) as { data: { sender_id: string; tenant_id: string }[] };
  return data.find(({ sender_id }) => sender_id === senderId)?.tenant_id;
}

describe('a PIN', () => {
  it('links one, however many use it at one time', { timeout: 60_000 }, async () => {
    const pin = await createPin();
    const senders = Array.from({ length: 100 }, (_, index) => `crowd-${index}`);
    const statuses = await Promise.all(senders.map(async (senderId) => (await link(pin, senderId)).status));
    expect(statuses.filter((status) => status === 200)).toHaveLength(1);
    expect(statuses.filter((status) => ![200, 403, 429, 503].includes(status))).toEqual([]);
    const linked = await Promise.all(senders.map(tenantOf));
    expect(linked.filter((tenant) => tenant !== undefined)).toEqual([TENANT]);
    expect(linked.indexOf(TENANT)).toBe(statuses.indexOf(200));
  });

  it('moves nobody who is linked elsewhere', async () => {
    const senderId = await newSender();
    const pin = await createPin({}, OTHER);
    expect((await link(pin, senderId)).status).toBe(409);
    expect(await tenantOf(senderId)).toBe(TENANT);
  });

  it('cannot be guessed: after a few wrong tries it is burned, and whoever guesses is held off', { timeout: 60_000 }, async () => {
    const senderId = 'guesser';
    const pin = await createPin({ sender_id: senderId });
    const statuses: number[] = [];
    for (let guess = 0; guess < 40; guess += 1) {
      const wrong = String((Number(pin) + 1 + guess) % 1_000_000).padStart(6, '0');
      statuses.push((await link(wrong, senderId)).status);
    }
    expect(statuses.filter((status) => status === 200)).toEqual([]);
    expect(statuses).toContain(429);
    expect(statuses.filter((status) => status === 403).length).toBeLessThanOrEqual(10);
    expect((await link(pin, senderId)).status).not.toBe(200);
    expect(await tenantOf(senderId)).toBeUndefined();
  });

  it('cannot be guessed by many senders at one time either', { timeout: 60_000 }, async () => {
    const pin = await createPin();
    const guesses = Array.from(
      { length: 300 },
      (_, index) => [`many-${index}`, String((Number(pin) + 7 + index) % 1_000_000).padStart(6, '0')] as const,
    );
    const statuses: number[] = [];
    for (let at = 0; at < guesses.length; at += 20) {
      statuses.push(
        ...(await Promise.all(guesses.slice(at, at + 20).map(async ([senderId, wrong]) => (await link(wrong, senderId)).status))),
      );
    }
    expect(statuses).not.toContain(200);
    expect(statuses).toContain(429);
    // The PIN of nobody in particular was burned by the first of them, or the guessers were held off.
    expect((await link(pin, 'late-comer')).status).not.toBe(200);
  });
});

describe('a handle', () => {
  let issued: IssuedToken;

  it('dies with its token', async () => {
    issued = await issueToken(stack, TENANT, ['run:read']);
    await redeem(stack, issued, ['run:read']);
    await askAdmin(stack, 'DELETE', `/tenants/${TENANT}/tokens/${issued.id}`);
    await delay(ENDED_WITHIN_MS);
    await expect(redeem(stack, issued, ['run:read'])).rejects.toThrow(/^401 /);
  });

  it('gives no more than its token has', async () => {
    issued = await issueToken(stack, TENANT, ['run:read']);
    await expect(redeem(stack, issued, ['run:write'])).rejects.toThrow(/^403 /);
    await expect(redeem(stack, issued, ['admin:*'])).rejects.toThrow(/^403 /);
  });
});
