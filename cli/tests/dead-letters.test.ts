import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Checkout, createCheckout, LOCAL_ADMIN_KEY, run, startServer } from './_harness.ts';

const KEY = 'deployed-admin-key-0123456789abcdef-012345';
const toRunId = (number: number) => `run_${number.toString(16).padStart(32, '0')}`;
const toLetter = (number: number) => ({
  run_id: toRunId(number),
  tenant_id: 'acme',
  sender_id: '+15550100',
  model: 'rubot',
  attempt: 4,
  created_at: 1_795_000_000,
  died_at: 1_795_000_100,
  error: { message: 'The agent broke off.', type: 'server_error', param: null, code: 'stream_interrupted' },
});

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly authorization: string | undefined;
  readonly body: string;
}

let checkout: Checkout;
let seen: Seen[];
let answer: (request: Seen, response: ServerResponse) => unknown;
let gateway: Awaited<ReturnType<typeof startServer>>;

beforeEach(async () => {
  checkout = await createCheckout();
  seen = [];
  answer = (_request, response) => response.end(JSON.stringify({ object: 'list', data: [] }));
  gateway = await startServer(({ method, url, headers, body }, response) => {
    const request = { method, url, authorization: headers.authorization, body };
    seen.push(request);
    return answer(request, response);
  });
});
afterEach(async () => {
  await gateway.close();
  await checkout.remove();
});

const call = (...parameters: string[]) =>
  run(['dead-letters', ...parameters, '--gateway', gateway.url], checkout.directory, { ADMIN_API_KEY: KEY });

/** As the gateway pages. */
function answerPages(count: number): void {
  answer = ({ url }, response) => {
    const query = new URL(url, 'http://x').searchParams;
    const newest = Number.parseInt((query.get('cursor') ?? toRunId(count + 1)).slice('run_'.length), 16) - 1;
    const limit = Number(query.get('limit'));
    const numbers = Array.from({ length: Math.min(limit, newest) }, (_, index) => newest - index);
    const last = numbers.at(-1) ?? 0;
    response.end(JSON.stringify({ object: 'list', data: numbers.map(toLetter), ...(last > 1 ? { next_cursor: toRunId(last) } : {}) }));
  };
}

describe('rubot dead-letters list', () => {
  it('shows what died, when, whose, and of what', async () => {
    answerPages(2);
    const { status, stdout, stderr } = await call('list');
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout.split('\n')[0]).toBe(
      `${toRunId(2)}  2026-11-18T11:08:20.000Z  acme  rubot  4 attempts  stream_interrupted: The agent broke off.`,
    );
    expect(stdout.trim().split('\n')).toHaveLength(2);
    expect(seen).toMatchObject([{ method: 'GET', url: '/admin/dead-letters?limit=50', authorization: `Bearer ${KEY}` }]);
  });

  it('is what is done when nothing is said, and says so when there is nothing', async () => {
    expect(await call()).toMatchObject({ status: 0, stdout: 'There are no dead letters.\n' });
  });

  it('reads as many pages as it takes, and no more than it was asked for', async () => {
    answerPages(450);
    const all = await call('list', '--limit', '1000', '--json');
    expect(JSON.parse(all.stdout)).toEqual(Array.from({ length: 450 }, (_, index) => toLetter(450 - index)));
    const some = await call('list', '--limit', '250');
    expect(some.stdout.trim().split('\n')).toHaveLength(251);
    expect(some.stdout).toContain('There are more');
    expect(seen.slice(3).map(({ url }) => new URL(url, 'http://x').searchParams.get('limit'))).toEqual(['200', '50']);
  });
});

describe('rubot dead-letters redrive', () => {
  it('says of each run what came of it, and fails when one was left', async () => {
    answer = ({ body }, response) => {
      const ids: string[] = JSON.parse(body).run_ids;
      const data = ids.map((id) =>
        id === toRunId(2)
          ? {
              run_id: id,
              redriven: false,
              error: { message: `The run ${id} is completed, and no dead letter.`, type: 't', param: null, code: 'conflict' },
            }
          : { run_id: id, redriven: true },
      );
      response.end(JSON.stringify({ object: 'list', data }));
    };
    const { status, stdout, stderr } = await call('redrive', toRunId(1), toRunId(2), toRunId(3));
    expect([status, stderr]).toEqual([1, 'rubot: Not put back: 1 of 3, for the reasons above.\n']);
    expect(stdout).toMatch(/ok +run_0+1 waits[\s\S]*skip +The run run_0+2 is completed[\s\S]*ok +run_0+3 waits/);
    expect(seen).toMatchObject([{ method: 'POST', url: '/admin/dead-letters/redrive', authorization: `Bearer ${KEY}` }]);
    const many = Array.from({ length: 250 }, (_, index) => toRunId(index + 10));
    expect((await call('redrive', ...many)).status).toBe(0);
    expect(seen.slice(1).map(({ body }) => JSON.parse(body).run_ids.length)).toEqual([100, 100, 50]);
  });

  it.each([[[]], [['all']], [[toRunId(1), 'run_1']]])('takes %j for a misuse', async (ids) => {
    expect((await call('redrive', ...ids)).status).toBe(2);
    expect(seen).toEqual([]);
  });
});

describe('the gateway', () => {
  it('is the local stack’s, with its key, where none is named', async () => {
    await checkout.writeDevFile(gateway.url);
    expect((await run(['dead-letters'], checkout.directory, { ADMIN_API_KEY: KEY })).status).toBe(0);
    expect(seen[0]?.authorization).toBe(`Bearer ${LOCAL_ADMIN_KEY}`);
  });

  it('of another stack gets no key of this one', async () => {
    await checkout.writeDevFile('http://127.0.0.1:9');
    const { status, stderr } = await run(['dead-letters', 'list', '--gateway', gateway.url], checkout.directory);
    expect([status, stderr, seen]).toEqual([1, expect.stringContaining('ADMIN_API_KEY is not set'), []]);
  });

  it('that refuses, breaks off, or is none, is told of in one line', async () => {
    const fails = async (respond: typeof answer) => {
      answer = respond;
      const { status, stderr } = await call('list');
      expect([status, stderr.trim().includes('\n'), stderr.includes(KEY)]).toEqual([1, false, false]);
      return stderr;
    };
    const error = { message: 'The API key is not right.', type: 't', param: null, code: 'invalid_api_key' };
    expect(await fails((_, response) => response.writeHead(401).end(JSON.stringify({ error })))).toMatch(
      /401, invalid_api_key: The API key/,
    );
    expect(await fails((_, response) => response.end('<html>'))).toMatch(/Is http.* a rubot gateway\?/);
    expect(await fails((_, response) => response.destroy())).toMatch(/cannot be reached/);
  });
});
