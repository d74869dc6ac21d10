import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import type { Finding } from '@rubot/contracts/diagnosis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { renderFindings, summarize } from '../src/doctor/render-findings.ts';
import { type Checkout, createCheckout, LOCAL_ADMIN_KEY, run, startServer } from './_harness.ts';

interface Seen {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

const RIGHT = {
  secrets: { ADMIN_API_KEY: 'current' },
  service: { name: 'rubot-gateway', environment: 'development', deployment_hash: '3f2a9c1', wire_versions: [1], now_ms: 0 },
};

let checkout: Checkout;
let gateway: Awaited<ReturnType<typeof startServer>>;
let seen: Seen[];
let answer: (path: string, response: ServerResponse) => unknown;

beforeEach(async () => {
  checkout = await createCheckout();
  seen = [];
  gateway = await startServer(({ url, headers, body }, response) => {
    seen.push({ path: url, headers, body });
    return answer(url, response);
  });
  await checkout.writeDevFile(gateway.url);
});
afterEach(async () => {
  await gateway.close();
  await checkout.remove();
});

const refuse = (response: ServerResponse, status: number, code: string, message: string) =>
  response.writeHead(status).end(JSON.stringify({ error: { message, type: 't', param: null, code } }));

async function examine() {
  const { status, stdout } = await run(['doctor', '--json'], checkout.directory);
  return { status, findings: (JSON.parse(stdout) as { findings: Finding[] }).findings };
}

describe('rubot doctor', () => {
  it('sends its key to no gateway that does not know it', async () => {
    answer = (_path, response) => response.end(JSON.stringify({ secrets: { ADMIN_API_KEY: 'differs' } }));
    const { status, findings } = await examine();
    expect([status, findings.map(({ status, check }) => `${status} ${check}`)]).toEqual([
      1,
      ['ok reachable', 'problem secret', 'skipped behind'],
    ]);
    expect(seen.map(({ path }) => path)).toEqual(['/challenge']);
    for (const { headers, body } of seen) expect(JSON.stringify(headers) + body).not.toContain(LOCAL_ADMIN_KEY);
  });

  it('shows what the gateway has found, and fails for a problem alone', async () => {
    const finding = (status: Finding['status']): Finding => ({ check: 'clock', subject: 'a → b', status, message: `is ${status}` });
    const tell = (...findings: Finding[]) => {
      answer = (path, response) => {
        const challenged = { ...RIGHT, service: { ...RIGHT.service, now_ms: Date.now() } };
        return response.end(JSON.stringify(path === '/challenge' ? challenged : { findings }));
      };
    };
    tell(finding('ok'), finding('warning'), finding('skipped'));
    expect((await examine()).status).toBe(0);
    expect(seen.at(-1)).toMatchObject({ path: '/admin/diagnosis', headers: { authorization: `Bearer ${LOCAL_ADMIN_KEY}` } });
    tell(finding('problem'));
    expect(await run(['doctor'], checkout.directory)).toMatchObject({
      status: 1,
      stdout: expect.stringMatching(/\n\na → b\n {2}problem {2}clock +is problem\n\n1 problem, 5 ok\n$/),
      stderr: 'rubot: Do not ship this: 1 problem(s) were found.\n',
    });
  });

  it.each<[string, (response: ServerResponse) => unknown, string, number]>([
    ['nothing', (response) => response.destroy(), 'problem reachable', 1],
    ['a page', (response) => response.end('<html>'), 'problem reachable', 1],
    ['a page that is not there', (response) => response.writeHead(404).end('<html>'), 'problem reachable', 1],
    [
      'a gateway that is not configured',
      (r) => refuse(r, 500, 'misconfigured', 'rubot-gateway is not configured.'),
      'problem reachable',
      1,
    ],
  ])('says so of %s', async (_, respond, first, expected) => {
    answer = (_path, response) => respond(response);
    const { status, findings } = await examine();
    expect([status, `${findings[0]?.status} ${findings[0]?.check}`]).toEqual([expected, first]);
  });

  it('says of a gateway that knows of no diagnosis that it was not looked at', async () => {
    answer = (path, response) => refuse(response, 404, 'not_found', `There is no ${path} here.`);
    const { status, findings } = await examine();
    expect([status, findings.map(({ status, check }) => `${status} ${check}`)]).toEqual([
      0,
      ['ok reachable', 'skipped secret', 'skipped behind'],
    ]);
  });

  it('asks for the operator’s key, and takes no token of a tenant for it', async () => {
    const environment = { RUBOT_GATEWAY_URL: 'https://gateway.example.com', RUBOT_ADMIN_TOKEN: 'rbt_of-somebody' };
    const { status, stderr } = await run(['doctor'], checkout.directory, environment);
    expect([status, stderr]).toEqual([1, expect.stringContaining('ADMIN_API_KEY is not set')]);
  });
});

describe('the table', () => {
  const long: Finding = {
    check: 'secret',
    subject: 'a → b',
    status: 'problem',
    message: 'the first of many words that do not fit into one line of this terminal',
    consequence: 'All fails.\u001b[2J',
  };

  it('wraps long words below their column, and shows controls as what they are', () => {
    const table = renderFindings([long, { ...long, check: 'x', status: 'ok', message: 'fine' }], { color: false, width: 63 });
    expect(table.split('\n')).toEqual([
      'a → b',
      '  problem  secret  the first of many words that do not fit into',
      '                   one line of this terminal',
      '                   All fails.\\u{1b}[2J',
      '  ok       x       fine',
      '                   All fails.\\u{1b}[2J',
    ]);
  });

  it('counts', () => {
    expect(summarize([long, long, { ...long, status: 'warning' }, { ...long, status: 'skipped' }])).toBe(
      '2 problems, 1 warning, 1 not looked at',
    );
  });
});
