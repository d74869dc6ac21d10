import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { type ApiUpstream, startApiUpstream } from '@rubot/testkit/api-upstream';
import { type CanaryListener, startCanaryListener } from '@rubot/testkit/canary-listener';
import { Agent, fetch as undiciFetch } from 'undici';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createGuardedFetch, type GuardedFetch } from './guarded-fetch.ts';
import { HostList } from './host-list.ts';
import type { PlainFetch } from './plain-fetch.ts';
import { createResolver } from './resolver.ts';

type Records = Readonly<Record<string, readonly { type: number; data: string }[]>>;

const A = 1;
const CNAME = 5;
const AAAA = 28;
const PUBLIC = '93.184.216.34';

let canary: CanaryListener;
let resolver: ApiUpstream;
let upstream: ApiUpstream;
let records: Records = {};

/** Wherever it is sent, it arrives at the canary: a network in which every name and address leads inside. */
const everywhereInside: PlainFetch = async (url, init) => {
  const dispatcher = new Agent({
    connect: (_options, callback) => {
      const socket = connect({ port: canary.port, host: '127.0.0.1' });
      socket.once('connect', () => callback(null, socket)).once('error', (error) => callback(error, null));
    },
  });
  const { headers, ...rest } = init;
  return (await undiciFetch(url, { ...rest, headers: Object.fromEntries(headers), dispatcher })) as unknown as Response;
};

const plainFetch: PlainFetch = (url, init) => fetch(url, init);

beforeAll(async () => {
  [canary, resolver, upstream] = await Promise.all([startCanaryListener(), startApiUpstream(), startApiUpstream()]);
});
afterAll(async () => {
  await Promise.all([canary.close(), resolver.close(), upstream.close()]);
});
beforeEach(() => {
  records = {};
  resolver.onRequest(({ path }) => {
    const name = new URL(path, resolver.url).searchParams.get('name') ?? '';
    const type = new URL(path, resolver.url).searchParams.get('type') === 'A' ? A : AAAA;
    const known = records[name];
    if (known === undefined) return { body: { Status: 3 } };
    return { body: { Status: 0, Answer: known.filter((record) => record.type === type || record.type === CNAME) } };
  });
});

interface GuardOptions {
  readonly hosts?: string;
  readonly privateHosts?: string;
  readonly fetch?: PlainFetch;
  readonly timeoutMs?: number;
  readonly maxAnswerBytes?: number;
}

function createGuard({ hosts = '', privateHosts = '', fetch = everywhereInside, ...limits }: GuardOptions): GuardedFetch {
  return createGuardedFetch({
    rules: { hosts: HostList.parse(hosts), privateHosts: HostList.parse(privateHosts) },
    fetch,
    resolveName: createResolver({ url: `${resolver.url}/dns-query`, fetch: plainFetch }),
    ...limits,
  });
}

function get(guarded: GuardedFetch, url: string, headers: Record<string, string> = {}): Promise<Response> {
  return guarded({ url, method: 'GET', headers: new Headers(headers) });
}

/** Every one of these hosts is on the list, so that it is not the list that refuses it. */
const INNER_HOSTS = [
  ...[
    '127.0.0.1',
    '127.1',
    '127.0.1',
    '2130706433',
    '0x7f000001',
    '0x7f.1',
    '0177.0.0.1',
    '017700000001',
    '0x7f.0x0.0x0.0x1',
    '127.0.0.1.',
  ],
  ...[
    '0',
    '0.0.0.0',
    '10.0.0.1',
    '10.1',
    '012.0.0.1',
    '0xa.0.0.1',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.0.1',
    '192.168.1',
    '3232235521',
  ],
  ...[
    '169.254.169.254',
    '2852039166',
    '0xa9fea9fe',
    '0251.0376.0251.0376',
    '169.254.170.2',
    '100.64.0.1',
    '100.100.100.200',
    '168.63.129.16',
  ],
  ...['192.0.0.170', '192.0.2.1', '198.18.0.1', '198.51.100.7', '203.0.113.9', '224.0.0.1', '240.0.0.1', '255.255.255.255', '192.88.99.1'],
  ...[
    '[::1]',
    '[::]',
    '[0:0:0:0:0:0:0:1]',
    '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]',
    '[::ffff:a9fe:a9fe]',
    '[::127.0.0.1]',
    '[::ffff:0:127.0.0.1]',
  ],
  ...[
    '[64:ff9b::127.0.0.1]',
    '[64:ff9b::a9fe:a9fe]',
    '[64:ff9b:1::7f00:1]',
    '[2002:7f00:1::]',
    '[2002:a9fe:a9fe::1]',
    '[2001:0:7f00:1::1]',
  ],
  ...[
    '[fe80::1]',
    '[fec0::1]',
    '[fc00::1]',
    '[fd00:ec2::254]',
    '[ff02::1]',
    '[100::1]',
    '[2001:db8::1]',
    '[3fff::1]',
    '[5f00::1]',
    '[4000::1]',
  ],
  ...[
    '１２７.０.０.１',
    '①②⑦.⓪.⓪.①',
    '127。0。0。1',
    '１６９.２５４.１６９.２５４',
    'ⓛⓞⓒⓐⓛⓗⓞⓢⓣ',
    'localhost',
    'LOCALHOST',
    'localhost.',
    'a.localhost',
    'b.a.localhost.',
  ],
  ...['printer.local', 'metadata.google.internal', 'router.home.arpa', 'metadata', 'kubernetes', 'consul'],
];

/** Names that are on the list, and what a resolver says of them. */
const INNER_NAMES: readonly (readonly [string, Records[string]])[] = [
  ['127.0.0.1.nip.example', [{ type: A, data: '127.0.0.1' }]],
  ['7f000001.nip.example', [{ type: A, data: '127.0.0.1' }]],
  ['metadata.nip.example', [{ type: A, data: '169.254.169.254' }]],
  ['private10.example', [{ type: A, data: '10.0.0.7' }]],
  ['private172.example', [{ type: A, data: '172.20.0.7' }]],
  ['private192.example', [{ type: A, data: '192.168.7.7' }]],
  ['cgnat.example', [{ type: A, data: '100.64.9.9' }]],
  ['zero.example', [{ type: A, data: '0.0.0.0' }]],
  ['azure.example', [{ type: A, data: '168.63.129.16' }]],
  ['loopback6.example', [{ type: AAAA, data: '::1' }]],
  ['mapped.example', [{ type: AAAA, data: '::ffff:10.0.0.1' }]],
  ['nat64.example', [{ type: AAAA, data: '64:ff9b::a00:1' }]],
  ['sixtofour.example', [{ type: AAAA, data: '2002:a00:1::' }]],
  ['ula.example', [{ type: AAAA, data: 'fd12:3456::1' }]],
  ['linklocal.example', [{ type: AAAA, data: 'fe80::1' }]],
  [
    'mixed.example',
    [
      { type: A, data: PUBLIC },
      { type: A, data: '10.0.0.1' },
    ],
  ],
  [
    'mixed-order.example',
    [
      { type: A, data: '127.0.0.1' },
      { type: A, data: PUBLIC },
    ],
  ],
  [
    'mixed-families.example',
    [
      { type: A, data: PUBLIC },
      { type: AAAA, data: '::1' },
    ],
  ],
  [
    'mixed-families-too.example',
    [
      { type: AAAA, data: '2606:4700::1' },
      { type: A, data: '192.168.0.1' },
    ],
  ],
  [
    'alias.example',
    [
      { type: CNAME, data: 'inner.example.' },
      { type: A, data: '10.1.2.3' },
    ],
  ],
  [
    'alias-chain.example',
    [
      { type: CNAME, data: 'a.example.' },
      { type: CNAME, data: 'b.example.' },
      { type: A, data: '169.254.169.254' },
    ],
  ],
  ['alias-alone.example', [{ type: CNAME, data: 'localhost.' }]],
  ['no-address.example', []],
  ['not-an-address.example', [{ type: A, data: 'localhost' }]],
  ['short-address.example', [{ type: A, data: '127.1' }]],
  ['spaced.example', [{ type: A, data: ' 93.184.216.34' }]],
  ['xn--lcalhost-31a.example', [{ type: A, data: '127.0.0.1' }]],
  ['trailing-dot.example.', [{ type: A, data: '127.0.0.1' }]],
];

describe('guardedFetch, where everything leads inside', () => {
  it('lets a public host through: the network of these tests would tell', async () => {
    records = {
      'public.example': [
        { type: A, data: PUBLIC },
        { type: AAAA, data: '2606:4700::1' },
      ],
    };
    const before = canary.connectionCount;
    await expect(get(createGuard({ hosts: 'public.example' }), 'https://public.example/')).rejects.toMatchObject({
      code: 'upstream_failed',
    });
    await expect(get(createGuard({ hosts: '1.1.1.1' }), 'https://1.1.1.1/')).rejects.toMatchObject({ code: 'upstream_failed' });
    expect(canary.connectionCount).toBe(before + 2);
  });

  it.each(INNER_HOSTS)('reaches nothing at https://%s', async (host) => {
    const before = canary.connectionCount;
    const canonical = new URL(`https://${host}/`).hostname;
    // A resolver of an attacker says that it is public.
    records = { [canonical]: [{ type: A, data: PUBLIC }] };
    for (const port of ['', ':8443']) {
      const refused = get(createGuard({ hosts: `${canonical},${canonical}:8443` }), `https://${host}${port}/`);
      await expect(refused).rejects.toMatchObject({ code: 'invalid_request' });
    }
    expect(canary.connectionCount).toBe(before);
  });

  it.each(INNER_NAMES)('reaches nothing at %s', async (name, answer) => {
    const before = canary.connectionCount;
    records = { [name]: answer };
    await expect(get(createGuard({ hosts: name }), `https://${name}/`)).rejects.toMatchObject({
      code: expect.stringMatching(/invalid_request|upstream_failed/),
    });
    expect(canary.connectionCount).toBe(before);
  });

  it.each([
    ['is not on the list', 'https://other.example/'],
    ['is on the list at another port', 'https://public.example:8443/'],
    ['is only a part of a name', 'https://public.example.evil.example/'],
    ['is a suffix of a name', 'https://notpublic.example/'],
    ['is not asked by https', 'http://public.example/'],
    ['is not asked by https, at the port of https', 'http://public.example:443/'],
    ['is not asked by http at all', 'ftp://public.example/'],
    ['is a file', 'file:///etc/passwd'],
    ['is data', 'data:text/plain,hi'],
    ['is a blob', 'blob:https://public.example/1'],
    ['has a user', 'https://user@public.example/'],
    ['has a user and a password', 'https://user:pass@public.example/'],
    ['has a user that looks like the host', 'https://public.example@127.0.0.1/'],
    ['has backslashes', 'https:\\\\public.example\\@127.0.0.1/'],
    ['has spaces', 'https://public.example/ x'],
    ['has a tab within', 'https://pub\tlic.example/'],
    ['has a new line within', 'https://public.example/\nx'],
    ['is not valid', 'https://'],
    ['is not valid either', 'https://[::1/'],
    ['is relative', '//public.example/'],
    ['is a path', '/etc/passwd'],
  ])('reaches nothing at a URL that %s', async (_name, url) => {
    records = { 'public.example': [{ type: A, data: PUBLIC }], 'other.example': [{ type: A, data: PUBLIC }] };
    const before = canary.connectionCount;
    await expect(get(createGuard({ hosts: 'public.example' }), url)).rejects.toMatchObject({ code: 'invalid_request' });
    expect(canary.connectionCount).toBe(before);
  });

  it('reaches nothing without a list', async () => {
    records = { 'public.example': [{ type: A, data: PUBLIC }] };
    await expect(get(createGuard({}), 'https://public.example/')).rejects.toMatchObject({ code: 'invalid_request' });
  });

  it.each([
    ['says that it cannot tell', { body: { Status: 2 } }],
    ['cuts its answer short', { body: { Status: 0, TC: true, Answer: [{ type: A, data: PUBLIC }] } }],
    ['fails', { status: 500, body: { Status: 0, Answer: [{ type: A, data: PUBLIC }] } }],
    ['redirects', { status: 302, headers: { location: '/other' } }],
    ['answers no JSON', { body: '<html>' }],
    ['answers another shape', { body: { Answer: [{ data: PUBLIC }] } }],
    ['answers without end', { body: 'x'.repeat(100_000) }],
    ['breaks off', 'reset' as const],
    ['does not answer', 'hang' as const],
  ])('reaches nothing when the resolver %s', async (_name, reply) => {
    resolver.onRequest(() => reply);
    const before = canary.connectionCount;
    const refused = get(createGuard({ hosts: 'public.example', timeoutMs: 1_000 }), 'https://public.example/');
    await expect(refused).rejects.toMatchObject({ code: expect.stringMatching(/upstream_failed|deadline_exceeded/) });
    expect(canary.connectionCount).toBe(before);
  });

  it('looks a name up before each request: what has moved inside meanwhile is not reached', async () => {
    records = { 'moving.example': [{ type: A, data: PUBLIC }] };
    const guarded = createGuard({ hosts: 'moving.example' });
    await expect(get(guarded, 'https://moving.example/')).rejects.toMatchObject({ code: 'upstream_failed' });
    const before = canary.connectionCount;
    records = { 'moving.example': [{ type: A, data: '127.0.0.1' }] };
    await expect(get(guarded, 'https://moving.example/')).rejects.toMatchObject({ code: 'invalid_request' });
    expect(canary.connectionCount).toBe(before);
  });
});

describe('guardedFetch, redirected', () => {
  function createRedirected(): GuardedFetch {
    // The canary is on the list as well: it is not the list that keeps the request from it.
    return createGuard({ privateHosts: `${upstream.host},127.0.0.1:${canary.port},localhost:${canary.port}`, fetch: plainFetch });
  }

  it.each([
    ['another port', () => `http://127.0.0.1:${canary.port}/`],
    ['another name of the same', () => `http://localhost:${canary.port}/`],
    ['another name', () => upstream.url.replace('127.0.0.1', 'localhost')],
    ['another scheme', () => upstream.url.replace('http:', 'https:')],
    ['no scheme', () => `//127.0.0.1:${canary.port}/`],
    ['metadata', () => 'http://169.254.169.254/latest/meta-data/'],
    ['a user', () => upstream.url.replace('http://', 'http://user:pass@')],
    ['a file', () => 'file:///etc/passwd'],
    ['data', () => 'data:text/plain,hi'],
    ['nonsense', () => 'http://[::1'],
  ])('does not follow to %s', async (_name, toLocation) => {
    for (const status of [301, 302, 303, 307, 308]) {
      const before = canary.connectionCount;
      upstream.onRequest(() => ({ status, headers: { location: toLocation() } }));
      await expect(get(createRedirected(), `${upstream.url}/a`, { authorization: 'Bearer x' })).rejects.toMatchObject({
        code: 'upstream_failed',
      });
      expect(canary.connectionCount).toBe(before);
    }
  });

  it('follows within the origin, as fetch does', async () => {
    upstream.onRequest(({ path }) => (path === '/b' ? { body: 'there' } : { status: 303, headers: { location: '/b' } }));
    const response = await createRedirected()({
      url: `${upstream.url}/a`,
      method: 'POST',
      headers: new Headers({ 'content-type': 'text/plain' }),
      body: 'x',
    });
    expect(await response.text()).toBe('there');
    expect(upstream.requests.at(-1)).toMatchObject({ method: 'GET', path: '/b', body: '' });
    upstream.onRequest(({ path }) => (path === '/b' ? { body: 'there' } : { status: 308, headers: { location: '/b' } }));
    await createRedirected()({ url: `${upstream.url}/a`, method: 'POST', headers: new Headers(), body: 'x' });
    expect(upstream.requests.at(-1)).toMatchObject({ method: 'POST', path: '/b', body: 'x' });
  });

  it('follows no more than three', async () => {
    const before = upstream.requests.length;
    upstream.onRequest(() => ({ status: 302, headers: { location: '/again' } }));
    await expect(get(createRedirected(), upstream.url)).rejects.toMatchObject({ code: 'upstream_failed' });
    expect(upstream.requests.length - before).toBe(4);
  });
});

describe('guardedFetch, answered', () => {
  it('reads no more than it may, decompressed', async () => {
    const bomb = gzipSync(Buffer.alloc(50_000_000));
    upstream.onRequest(() => ({ headers: { 'content-encoding': 'gzip' }, body: bomb }));
    const response = await get(createGuard({ privateHosts: upstream.host, fetch: plainFetch, maxAnswerBytes: 200_000 }), upstream.url);
    expect(bomb.byteLength).toBeLessThan(200_000);
    await expect(response.text()).rejects.toMatchObject({ code: 'payload_too_large' });
  });

  it('waits no longer than it may, for the answer', async () => {
    upstream.onRequest(() => 'hang');
    await expect(get(createGuard({ privateHosts: upstream.host, fetch: plainFetch, timeoutMs: 200 }), upstream.url)).rejects.toMatchObject({
      code: 'deadline_exceeded',
    });
  });

  it('tells when the caller has gone', async () => {
    upstream.onRequest(() => 'hang');
    const guarded = createGuard({ privateHosts: upstream.host, fetch: plainFetch });
    const refused = guarded({ url: upstream.url, method: 'GET', headers: new Headers() }, { signal: AbortSignal.timeout(100) });
    await expect(refused).rejects.toMatchObject({ code: 'cancelled' });
  });

  it('says when it sends, and not before', async () => {
    let sent = 0;
    const call = {
      onSend: () => {
        sent += 1;
      },
    };
    const refused = createGuard({ hosts: '127.0.0.1' })({ url: 'https://127.0.0.1/', method: 'POST', headers: new Headers() }, call);
    await expect(refused).rejects.toMatchObject({ code: 'invalid_request' });
    expect(sent).toBe(0);
    upstream.onRequest(() => ({}));
    await createGuard({ privateHosts: upstream.host, fetch: plainFetch })(
      { url: upstream.url, method: 'POST', headers: new Headers() },
      call,
    );
    expect(sent).toBe(1);
  });
});
