import { once } from 'node:events';
import { chmod, mkdir, readdir, readFile, rename, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { makeActionHandle } from '@rubot/bearer/api-token';
import { findLeaks } from '@rubot/testkit/secret-forms';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Desk, type Edge, openDesk, startEdge } from './_edge.ts';

const HANDLE = /^rbh_[0-9A-Za-z]{36}$/;
const ISSUE = ['token', 'issue', '--tenant', 'acme', '--name', 'nightly report', '--scopes', 'chat:write,run:read', '--ttl', '1h'];
/** Prints, as JSON, what a command sees of the world; and waits for the end of its input before it goes. */
const TELL = `
  const { readFileSync } = require('node:fs');
  const cmdline = (pid) => { try { return readFileSync('/proc/' + pid + '/cmdline', 'utf8'); } catch { return ''; } };
  console.log(JSON.stringify({ environment: process.env, own: cmdline(process.pid), parent: cmdline(process.ppid), input: readFileSync(0, 'utf8') }));
`;

let edge: Edge;
let desk: Desk;

beforeAll(async () => {
  edge = await startEdge();
  expect((await edge.admin('POST', '/admin/tenants', { tenant_id: 'acme', name: 'Acme' })).status).toBe(201);
});
beforeEach(async () => {
  desk = await openDesk(edge);
});
afterEach(() => desk.remove());
afterAll(() => edge.stop());

interface Kept {
  readonly handle: string;
  readonly token: string;
  readonly tokenId: string;
  readonly path: string;
}

async function issue(...options: string[]): Promise<Kept> {
  const { status, stdout, stderr } = await desk.run([...ISSUE, '--action-id', 'report', ...options]);
  expect([status, stdout.trim()], stderr).toEqual([0, expect.stringMatching(HANDLE)]);
  const handle = stdout.trim();
  const path = join(desk.store, `${handle}.json`);
  const { token, token_id: tokenId } = JSON.parse(await readFile(path, 'utf8'));
  return { handle, token, tokenId, path };
}

const toExec = ({ handle }: Pick<Kept, 'handle'>, ...rest: string[]) => ['token', 'exec', '--handle', handle, ...rest];
const AS_REPORT = ['--action-id', 'report', '--scopes', 'run:read'];
const NODE = [process.execPath, '-e'];

describe('rubot token issue', () => {
  it('prints a handle, and keeps the token where its owner alone can read it', async () => {
    const { status, stdout, stderr } = await desk.run([...ISSUE, '--action-id', 'report', '--rpm', '60', '--usd-per-day', '2.50']);
    expect([status, stdout]).toEqual([0, expect.stringMatching(/^rbh_[0-9A-Za-z]{36}\n$/)]);
    expect(stderr).toMatch(/^tok_[0-9a-z]{24} of acme is good until .* kept in .*\nUse it: rubot token exec --handle rbh_/);
    const path = join(desk.store, `${stdout.trim()}.json`);
    expect([(await stat(desk.store)).mode & 0o777, (await stat(path)).mode & 0o777]).toEqual([0o700, 0o600]);
    const { token, token_id: tokenId, ...kept } = JSON.parse(await readFile(path, 'utf8'));
    expect(kept).toMatchObject({
      version: 1,
      gateway_url: edge.url,
      tenant_id: 'acme',
      action_id: 'report',
      scopes: ['chat:write', 'run:read'],
    });
    const others = (await desk.readFiles()).filter(([place]) => place !== path);
    expect(findLeaks({ token }, [['stdout', stdout], ['stderr', stderr], ...others])).toEqual([]);
    const listed = await edge.admin('GET', '/admin/tenants/acme/tokens');
    const issued = ((await listed.json()) as { data: { token_id: string; limits: unknown }[] }).data.find(
      ({ token_id }) => token_id === tokenId,
    );
    expect(issued?.limits).toEqual({ requests_per_minute: 60, usd_per_day: 2.5 });
  });

  it('shows the token to who asks for it, and to nobody else', async () => {
    const revealed = await desk.run([...ISSUE, '--reveal-token']);
    const [handle = '', token = ''] = revealed.stdout.trim().split('\n');
    expect([handle, token]).toEqual([expect.stringMatching(HANDLE), expect.stringMatching(/^rbt_/)]);
    expect(revealed.stderr).not.toContain(token);
    const { stdout } = await desk.run([...ISSUE, '--json']);
    expect(Object.keys(JSON.parse(stdout))).not.toContain('token');
    expect(JSON.parse((await desk.run([...ISSUE, '--json', '--reveal-token'])).stdout).token).toMatch(/^rbt_/);
    const { status } = await fetch(`${edge.url}/v1/models`, { headers: { authorization: `Bearer ${token}` } });
    expect(status).toBe(503);
  });

  it('gives an administrator of one tenant no more than they hold', async () => {
    const admin = await desk.run([...ISSUE.slice(0, 6), '--scopes', 'admin:tokens,chat:write', '--ttl', '1h', '--reveal-token']);
    const token = admin.stdout.trim().split('\n')[1] ?? '';
    const asAdmin = { ADMIN_API_KEY: '', RUBOT_ADMIN_TOKEN: token };
    const issueAs = (...scopes: string[]) => desk.run([...ISSUE.slice(0, 6), '--scopes', scopes.join(), '--ttl', '10m'], asAdmin);
    expect((await issueAs('chat:write')).status).toBe(0);
    expect(await issueAs('chat:write', 'admin:audit')).toMatchObject({
      status: 1,
      stdout: '',
      stderr: expect.stringContaining('403, forbidden'),
    });
  });

  it('issues nothing where it could not be kept', async () => {
    await mkdir(desk.store, { recursive: true });
    await chmod(desk.store, 0o755);
    const count = async () =>
      ((await (await edge.admin('GET', '/admin/tenants/acme/tokens?limit=200')).json()) as { data: unknown[] }).data.length;
    const before = await count();
    const { status, stderr } = await desk.run(ISSUE);
    expect([status, stderr]).toEqual([1, expect.stringMatching(/is open to others on this machine.*chmod 700/)]);
    expect(await count()).toBe(before);
  });

  it.each([
    [['--scopes', 'chat:write,all']],
    [['--scopes', 'chat:write,chat:write']],
    [['--ttl', '1']],
    [['--ttl', '0s']],
    [['--tenant', '../x']],
    [['--usd-per-day', '-1']],
    [['--action-id', '../x']],
    [['--env', 'a/b']],
    [['--env', 'staging', '--gateway', 'http://x']],
  ])('takes %j for a misuse', async (options) => {
    expect((await desk.run([...ISSUE, ...options])).status).toBe(2);
  });
});

describe('rubot token exec', () => {
  it('gives a command a bearer and a short list of variables, and nobody anything else', async () => {
    const kept = await issue();
    const environment = {
      LANG: 'de_DE.UTF-8',
      LC_ALL: 'C',
      TZ: 'UTC',
      TERM: 'dumb',
      WANTED: 'yes',
      UNWANTED: 'no',
      OPENAI_API_KEY: 'sk-mine',
    };
    const command = ['--pass', 'WANTED', '--', ...NODE, TELL, '$(touch pwned); `touch pwned` && touch pwned'];
    const { status, stdout, stderr } = await desk.runProcess([...toExec(kept, ...AS_REPORT), ...command], environment, 'from the pipe');
    expect([status, stderr]).toEqual([0, '']);
    const seen = JSON.parse(stdout);
    const bearer = seen.environment.RUBOT_API_KEY;
    expect(seen.environment).toEqual({
      PATH: process.env['PATH'],
      HOME: desk.home,
      LANG: 'de_DE.UTF-8',
      LC_ALL: 'C',
      TZ: 'UTC',
      TERM: 'dumb',
      WANTED: 'yes',
      RUBOT_API_KEY: expect.stringMatching(/^eyJ/),
      RUBOT_GATEWAY_URL: edge.url,
      OPENAI_BASE_URL: `${edge.url}/v1`,
    });
    expect(seen.input).toBe('from the pipe');
    expect(seen.own.split('\0')).toContain('$(touch pwned); `touch pwned` && touch pwned');
    expect(await readdir(desk.home)).not.toContain('pwned');
    const places: [string, string][] = [
      ['argv of the command', seen.own],
      ['argv of rubot', seen.parent],
    ];
    expect(seen.parent).toContain(kept.handle);
    const files = (await desk.readFiles()).filter(([path]) => path !== kept.path);
    expect(findLeaks({ token: kept.token, bearer }, [...places, ...files])).toEqual([]);
    expect(findLeaks({ bearer }, [[kept.path, await readFile(kept.path, 'utf8')]])).toEqual([]);
  });

  it('gives it a bearer that can do what was asked for, and no more', async () => {
    const kept = await issue();
    const { stdout } = await desk.runProcess([...toExec(kept, ...AS_REPORT, '--variable', 'OPENAI_API_KEY'), '--', ...NODE, TELL]);
    const { OPENAI_API_KEY: bearer, RUBOT_API_KEY: other } = JSON.parse(stdout).environment;
    expect(other).toBeUndefined();
    const ask = async (method: string, path: string) => {
      const body = method === 'POST' ? { body: '{"messages":[{"role":"user","content":"hello"}]}' } : {};
      return (
        await fetch(edge.url + path, {
          method,
          headers: { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' },
          ...body,
        })
      ).status;
    };
    // Nothing stands behind this gateway: who is let in is told so.
    expect(await ask('GET', '/v1/runs')).toBe(503);
    expect(await ask('POST', '/v1/chat/completions')).toBe(403);
    expect(await ask('GET', '/admin/tenants/acme')).toBe(403);
  });

  it.each([
    ['its status', 'process.exit(7)', 7],
    ['success', '0', 0],
    ['the signal that ended it', "process.kill(process.pid, 'SIGKILL'); setTimeout(() => {}, 60_000)", 137],
    ['a signal of another kind', "process.kill(process.pid, 'SIGTERM'); setTimeout(() => {}, 60_000)", 143],
  ])('ends with %s', async (_, script, expected) => {
    const { status, stdout, stderr } = await desk.runProcess([...toExec(await issue(), ...AS_REPORT), '--', ...NODE, script]);
    expect([status, stdout, stderr]).toEqual([expected, '', '']);
  });

  it('hands signals on, and waits for what the command makes of them', async () => {
    const script =
      "process.on('SIGTERM', () => process.exit(5)); process.on('SIGINT', () => process.exit(6)); console.log('up'); setInterval(() => {}, 1_000)";
    const kept = await issue();
    for (const [signal, expected] of [
      ['SIGTERM', 5],
      ['SIGINT', 6],
    ] as const) {
      const rubot = desk.start([...toExec(kept, ...AS_REPORT), '--', ...NODE, script]);
      await once(rubot.stdout!, 'data');
      rubot.kill(signal);
      expect((await once(rubot, 'close'))[0]).toBe(expected);
    }
  });

  it('says in words why it does not run a command', async () => {
    const kept = await issue();
    const exec = (...options: string[]) => desk.run([...toExec(kept, ...options), '--', 'touch', 'ran']);
    const refused = async (end: Promise<{ status: number; stdout: string; stderr: string }>) => {
      const { status, stdout, stderr } = await end;
      expect([status, stdout, stderr.trim().includes('\n')], stderr).toEqual([1, '', false]);
      expect(findLeaks({ token: kept.token }, [['stderr', stderr]])).toEqual([]);
      expect(await readdir(desk.home)).not.toContain('ran');
      return stderr;
    };
    expect(await refused(exec('--action-id', 'other', '--scopes', 'run:read'))).toContain('for the action report, and not for other');
    expect(await refused(exec('--action-id', 'report', '--scopes', 'run:write'))).toContain(
      'these scopes and no others: chat:write, run:read',
    );
    expect(await refused(exec(...AS_REPORT, '--pass', 'NOT_THERE'))).toContain('NOT_THERE is not set');
    expect(await refused(desk.run([...toExec(kept, ...AS_REPORT), '--', 'no-such-program']))).toContain(
      'There is no command no-such-program',
    );
    expect(await refused(desk.run([...toExec({ handle: makeActionHandle() }, ...AS_REPORT), '--', 'true']))).toContain(
      'is none of those in',
    );
    const away = { ...JSON.parse(await readFile(kept.path, 'utf8')), gateway_url: 'http://127.0.0.1:1' };
    await writeFile(kept.path, JSON.stringify(away));
    expect(await refused(exec(...AS_REPORT))).toContain('127.0.0.1:1/v1/action-bearers cannot be reached');
  });

  it('says so when the token was revoked', async () => {
    const kept = await issue();
    expect((await edge.admin('DELETE', `/admin/tenants/acme/tokens/${kept.tokenId}`)).status).toBe(204);
    const { status, stderr } = await desk.run([...toExec(kept, ...AS_REPORT), '--', 'true']);
    expect([status, stderr]).toEqual([1, expect.stringContaining(`${kept.tokenId}, opens nothing any more: it was revoked`)]);
  });

  it.each(['../../../x', '..%2f..%2fx', 'rbh_', '/etc/passwd', `rbh_${'a'.repeat(36)}`, `${'../'.repeat(8)}etc/passwd`, 'rbh_\u0000'])(
    'makes no path of the handle %j',
    async (handle) => {
      await mkdir(desk.store, { recursive: true, mode: 0o700 });
      await writeFile(join(desk.home, 'x.json'), '{}');
      const parameters = [...toExec({ handle }, ...AS_REPORT), '--', 'true'];
      expect(await desk.run(parameters)).toMatchObject({ status: 1, stdout: '', stderr: expect.stringContaining('no whole handle') });
    },
  );

  it.each([
    [[]],
    [['--variable', 'A-B', '--', 'true']],
    [['--variable', 'PATH', '--', 'true']],
    [['--ttl', '16m', '--', 'true']],
    [['--pass', 'A=B', '--', 'true']],
  ])('takes %j for a misuse', async (rest) => {
    expect((await desk.run([...toExec({ handle: makeActionHandle() }, ...AS_REPORT), ...rest])).status).toBe(2);
  });
});

describe('the store', () => {
  it.each<[string, (kept: Kept) => Promise<unknown>, RegExp]>([
    ['a file that others can read', ({ path }) => chmod(path, 0o640), /is open to others on this machine.*chmod 600/],
    ['a folder that others can look into', () => chmod(desk.store, 0o711), /is open to others on this machine.*chmod 700/],
    [
      'a link',
      async ({ path }) => {
        await rename(path, `${path}.elsewhere`);
        await symlink(`${path}.elsewhere`, path);
      },
      /is a link/,
    ],
    ['a file of another kind', ({ path }) => writeFile(path, '{"version":2}'), /is not what rubot writes/],
  ])('is not read with %s in it', async (_, spoil, words) => {
    const kept = await issue();
    await spoil(kept);
    const { status, stdout, stderr } = await desk.run([...toExec(kept, ...AS_REPORT), '--', 'touch', 'ran']);
    expect([status, stdout, stderr]).toEqual([1, '', expect.stringMatching(words)]);
    expect(await readdir(desk.home)).not.toContain('ran');
  });

  it('stands where it is said, or where configuration is', async () => {
    const named = join(desk.home, 'named');
    await desk.run(ISSUE, { RUBOT_TOKEN_STORE: named });
    await desk.run(ISSUE, { XDG_CONFIG_HOME: join(desk.home, 'xdg') });
    expect([(await readdir(named)).length, (await readdir(join(desk.home, 'xdg', 'rubot', 'tokens'))).length]).toEqual([1, 1]);
    expect((await desk.run(['token', 'list'])).stdout).toContain('No token is kept');
  });

  it('loses nothing to twenty commands at a time', async () => {
    const ends = await Promise.all(Array.from({ length: 20 }, () => desk.run([...ISSUE, '--action-id', 'report'])));
    expect(ends.filter(({ status }) => status !== 0)).toEqual([]);
    const handles = ends.map(({ stdout }) => stdout.trim());
    expect(new Set(handles).size).toBe(20);
    expect((await readdir(desk.store)).sort()).toEqual(handles.map((handle) => `${handle}.json`).sort());
    const runs = handles.map((handle) => desk.run([...toExec({ handle }, ...AS_REPORT), '--', 'sh', '-c', 'test -n "$RUBOT_API_KEY"']));
    expect((await Promise.all(runs)).filter(({ status }) => status !== 0)).toEqual([]);
  });
});

describe('rubot token list', () => {
  it('shows the tokens of a tenant, and those that are kept here, and never one itself', async () => {
    const kept = await issue();
    const all = await desk.run(['token', 'list', '--tenant', 'acme']);
    expect(all.stdout).toMatch(
      new RegExp(`^${kept.tokenId}  ${kept.token.slice(0, 8)}…  nightly report  chat:write,run:read  until `, 'm'),
    );
    const here = await desk.run(['token', 'list']);
    expect(here.stdout).toMatch(new RegExp(`^${kept.handle}  ${kept.tokenId}  acme  report  nightly report`));
    const [asJson] = JSON.parse((await desk.run(['token', 'list', '--json'])).stdout);
    expect(asJson.token_id).toBe(kept.tokenId);
    const json = await desk.run(['token', 'list', '--tenant', 'acme', '--json']);
    const outputs = [all, here, json].map(({ stdout, stderr }, index): [string, string] => [`output ${index}`, stdout + stderr]);
    expect(findLeaks({ token: kept.token }, outputs)).toEqual([]);
  });
});

describe('rubot token revoke', () => {
  it.each<[string, (kept: Kept) => string]>([
    ['its id', ({ tokenId }) => tokenId],
    ['its handle', ({ handle }) => handle],
    ['itself', ({ token }) => token],
  ])('ends a token that is named by %s, and forgets it here', async (_, name) => {
    const kept = await issue();
    const { status, stdout, stderr } = await desk.run(['token', 'revoke', name(kept)]);
    expect([status, stderr, stdout]).toEqual([
      0,
      '',
      expect.stringMatching(new RegExp(`^${kept.tokenId} of acme is revoked.*1 handle\\(s\\)`)),
    ]);
    expect(await readdir(desk.store)).toEqual([]);
    expect((await fetch(`${edge.url}/v1/models`, { headers: { authorization: `Bearer ${kept.token}` } })).status).toBe(401);
  });

  it('ends one that is kept elsewhere, by its id or by how it begins', async () => {
    const other = await openDesk(edge);
    try {
      const { stdout } = await other.run([...ISSUE, '--json', '--reveal-token']);
      const { token, token_id: tokenId } = JSON.parse(stdout);
      expect(await desk.run(['token', 'revoke', tokenId])).toMatchObject({ status: 1, stderr: expect.stringContaining('--tenant') });
      expect((await desk.run(['token', 'revoke', token, '--tenant', 'acme'])).stdout).toContain(`${tokenId} of acme is revoked`);
      expect((await desk.run(['token', 'revoke', token, '--tenant', 'acme'])).status).toBe(1);
      expect((await desk.run(['token', 'revoke', makeActionHandle()])).stderr).toContain('has no such handle');
    } finally {
      await other.remove();
    }
  });
});

it('is heard of by nobody who only reads the help', async () => {
  const child = desk.start(['token', 'exec', '--help']);
  expect(await text(child.stdout!)).toContain('-- <command> [arguments...]');
});
