import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Desk, type Edge, openDesk, startEdge } from './_edge.ts';

let edge: Edge;
let desk: Desk;

beforeAll(async () => {
  edge = await startEdge();
});
beforeEach(async () => {
  desk = await openDesk(edge);
});
afterEach(() => desk.remove());
afterAll(() => edge.stop());

const ACME = {
  tenant_id: 'acme',
  name: 'Acme',
  agent_policy: 'listed',
  agents: [{ agent_id: 'tables' }],
  approve_writes: true,
  limits: { requests_per_minute: 60 },
};

async function saveTenant(tenant: Record<string, unknown>): Promise<void> {
  await writeFile(join(desk.home, 'tenant.json'), JSON.stringify(tenant));
  expect(await desk.run(['tenants', 'save', 'tenant.json'])).toMatchObject({ status: 0, stderr: '' });
}

describe('rubot tenants', () => {
  it('saves what a file states, shows it in the same shape, and lists all', async () => {
    await saveTenant(ACME);
    const shown = await desk.run(['tenants', 'show', 'acme']);
    expect(JSON.parse(shown.stdout)).toMatchObject({ ...ACME, agents: [{ agent_id: 'tables', enabled: true }] });
    await writeFile(join(desk.home, 'tenant.json'), shown.stdout);
    expect(await desk.run(['tenants', 'save', 'tenant.json'])).toMatchObject({ status: 0, stdout: 'acme is as tenant.json states.\n' });
    expect((await desk.run(['tenants'])).stdout).toContain(
      'acme  Acme  agents: tables, tools: all, writes need approval  requests_per_minute 60',
    );
    expect(JSON.parse((await desk.run(['tenants', 'list', '--json'])).stdout)).toMatchObject([{ tenant_id: 'acme' }]);
  });

  it('reads as many pages as it takes', async () => {
    const ids = Array.from({ length: 205 }, (_, index) => `many-${String(index).padStart(3, '0')}`);
    await Promise.all(ids.map((tenantId) => edge.admin('POST', '/admin/tenants', { tenant_id: tenantId, name: tenantId })));
    const listed = JSON.parse((await desk.run(['tenants', 'list', '--json'])).stdout) as { tenant_id: string }[];
    expect(listed.map(({ tenant_id }) => tenant_id).filter((id) => id.startsWith('many-'))).toEqual(ids);
  });

  it('shows a name that would turn the terminal against its reader as what it is', async () => {
    await saveTenant({ tenant_id: 'hostile', name: 'A\u001b[2Jcme \u009b31m\u202egnp' });
    const { stdout } = await desk.run(['tenants', 'list']);
    expect(stdout).toContain('A\\u{1b}[2Jcme \\u{9b}31m\\u{202e}gnp');
    for (const character of ['\u001b', '\u009b', '\u202e']) expect(stdout).not.toContain(character);
  });

  it.each([
    ['no file', undefined, /cannot be read/],
    ['no JSON', '{"tenant_id":', /is not JSON/],
    ['a tenant with a field that is none', JSON.stringify({ ...ACME, agent: [] }), /Unrecognized key/],
    ['a tenant without a name', JSON.stringify({ tenant_id: 'x' }), /→ at name/],
  ])('sends nothing of %s', async (_, content, words) => {
    if (content !== undefined) await writeFile(join(desk.home, 'tenant.json'), content);
    const { status, stderr } = await desk.run(['tenants', 'save', 'tenant.json'], { RUBOT_GATEWAY_URL: 'http://127.0.0.1:1' });
    expect([status, stderr]).toEqual([1, expect.stringMatching(words)]);
  });
});

describe('rubot link-pin create', () => {
  it('makes a PIN that links', async () => {
    await saveTenant(ACME);
    const { stdout, stderr } = await desk.run(['link-pin', 'create', '--tenant', 'acme', '--sender', '+15550100']);
    expect([stdout, stderr]).toEqual([expect.stringMatching(/^\d{6}\n$/), expect.stringMatching(/^It links \+15550100 to acme, until /)]);
    expect(JSON.parse((await desk.run(['link-pin', 'create', '--tenant', 'acme', '--json'])).stdout).pin).toMatch(/^\d{6}$/);
  });
});

describe('the environment', () => {
  it('is a file of the folder, and what the process has goes before it', async () => {
    const secrets = 'ADMIN_API_KEY=file-key-0123456789abcdef-0123456789abcd\n';
    await writeFile(join(desk.home, '.env.staging'), `RUBOT_GATEWAY_URL=${edge.url}\n${secrets}`);
    const own = { RUBOT_GATEWAY_URL: '', ADMIN_API_KEY: '' };
    expect(await desk.run(['tenants', 'list', '--env', 'staging'], own)).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('401'),
    });
    expect((await desk.run(['tenants', 'list', '--env', 'staging'], { RUBOT_GATEWAY_URL: '' })).status).toBe(0);
    expect(await desk.run(['tenants', '--env', 'nowhere'], own)).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('no .env.nowhere'),
    });
    await writeFile(join(desk.home, '.env.empty'), secrets);
    expect((await desk.run(['tenants', '--env', 'empty'], own)).stderr).toContain('.env.empty has no RUBOT_GATEWAY_URL');
  });
});

describe('rubot audit', () => {
  async function makeEntries(): Promise<void> {
    await saveTenant({ tenant_id: 'audited', name: 'Audited' });
    for (let count = 0; count < 5; count += 1) await desk.run(['link-pin', 'create', '--tenant', 'audited', '--sender', `sender-${count}`]);
  }
  const verify = (...options: string[]) => desk.run(['audit', 'verify', ...options]);

  it('exports a chain that can be verified anywhere, and finds what is done to it', async () => {
    await makeEntries();
    const { status, stderr } = await desk.run(['audit', 'export', '--tenant', 'audited', '--out', 'audit.ndjson']);
    expect([status, stderr]).toEqual([0, expect.stringMatching(/^\d+ entries of audited are in audit\.ndjson/)]);
    const path = join(desk.home, 'audit.ndjson');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    const whole = await readFile(path, 'utf8');
    expect((await desk.run(['audit', 'export', '--tenant', 'audited'])).stdout).toBe(whole);
    const lines = whole.trim().split('\n');
    expect(lines.length).toBeGreaterThanOrEqual(6);
    const good = await verify('--file', 'audit.ndjson');
    expect([good.status, good.stdout]).toEqual([
      0,
      expect.stringContaining(`${lines.length} entries of audited: none changed, none missing`),
    ]);
    const [, end = ''] = /--expect: (\d+:[0-9a-f]{64})\n$/.exec(good.stdout) ?? [];
    expect((await verify('--tenant', 'audited')).stdout).toContain(end);

    const spoiled: [string, readonly string[], RegExp][] = [
      ['flipped', lines.with(2, lines[2]!.replace('sender-1', 'sender-9')), /Entry 3 was changed/],
      [
        'flipped in its hash',
        lines.with(
          2,
          lines[2]!.replace(/"hash":"(.)/, (_, digit) => `"hash":"${digit === '0' ? '1' : '0'}`),
        ),
        /Entry 3 was changed/,
      ],
      ['deleted', lines.toSpliced(2, 1), /Entries are missing from 3 on/],
      ['moved', lines.with(2, lines[3]!).with(3, lines[2]!), /Entries are missing from 3 on/],
      ['doubled', lines.toSpliced(2, 0, lines[2]!), /Entry 3 stands behind one with the same number/],
      ['cut off in the front', lines.slice(1), /Entries are missing from 1 on/],
      ['broken', lines.with(2, '{"seq":3,'), /What stands where entry 3 should be is no entry/],
    ];
    for (const [what, changed, words] of spoiled) {
      await writeFile(path, `${changed.join('\n')}\n`);
      const bad = await verify('--file', 'audit.ndjson');
      expect([bad.status, bad.stdout.split('\n')[0], bad.stderr], what).toEqual([
        1,
        expect.stringMatching(words),
        expect.stringMatching(new RegExp(`^rubot: The chain audited is not whole: ${words.source}`)),
      ]);
    }
    await writeFile(path, `${lines.slice(0, -1).join('\n')}\n`);
    expect((await verify('--file', 'audit.ndjson')).status).toBe(0);
    expect(await verify('--file', 'audit.ndjson', '--expect', end)).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('is gone'),
    });
  });

  it('finds what is done to the database itself', async () => {
    await makeEntries();
    const database = await edge.workers.databaseOf('rubot-middleware-dev', 'DB');
    const { stdout } = await verify('--tenant', 'audited');
    const [, end = ''] = /--expect: (\d+:[0-9a-f]{64})\n$/.exec(stdout) ?? [];
    expect((await verify('--tenant', 'audited', '--expect', end)).status).toBe(0);
    expect((await verify('--platform')).status).toBe(0);
    await database.prepare("update audit_entries set target = 'nobody' where chain = 'audited' and seq = 2").run();
    expect(await verify('--tenant', 'audited')).toMatchObject({ status: 1, stderr: expect.stringContaining('Entry 2 was changed') });
    await database.prepare("delete from audit_entries where chain = 'audited' and seq = 2").run();
    expect(await verify('--tenant', 'audited')).toMatchObject({ status: 1, stderr: expect.stringContaining('missing from 2 on') });
  });

  it.each([[[]], [['--tenant', 'x', '--platform']], [['--tenant', 'x', '--expect', '1:abc']]])(
    'takes %j for a misuse, or says what to name',
    async (options) => {
      expect((await verify(...options)).status).not.toBe(0);
    },
  );
});

describe('rubot connections', () => {
  const OPENAPI = {
    openapi: '3.1.0',
    info: { title: 'Weather', version: '1' },
    paths: {
      '/now': { get: { operationId: 'readNow', summary: 'The weather now.', responses: { 200: { description: 'ok' } } } },
    },
  };
  const AT_ACME = ['--tenant', 'acme'];

  it('saves, shows, and takes away, and never shows a credential', async () => {
    await saveTenant(ACME);
    const credential = 'weather-c7Hn2Kx4Bz9Qw5Tj1Vc6Gy3Lf8Rp0Sd';
    await writeFile(join(desk.home, 'openapi.json'), JSON.stringify(OPENAPI));
    await writeFile(
      join(desk.home, 'weather.json'),
      JSON.stringify({ kind: 'http', base_url: 'https://api.example.com', auth: { type: 'bearer' } }),
    );
    const options = ['--openapi', 'openapi.json', '--credential-variable', 'WEATHER_KEY'];
    const saved = await desk.run(['connections', 'save', 'weather', 'weather.json', ...AT_ACME, ...options], { WEATHER_KEY: credential });
    expect([saved.status, saved.stderr]).toEqual([0, '']);
    expect(saved.stdout).toMatch(
      /^weather {2}http {2}https:\/\/api\.example\.com\S* {2}auth: bearer, with a credential {2}updated .*\n {2}weather_\S+ {2}read\n$/,
    );
    const listed = await desk.run(['connections', ...AT_ACME]);
    expect(listed.stdout).toBe(saved.stdout);
    const json = await desk.run(['connections', 'list', ...AT_ACME, '--json']);
    expect(JSON.parse(json.stdout)).toMatchObject([{ provider_id: 'weather', has_credential: true }]);
    for (const { stdout, stderr } of [saved, listed, json]) expect(stdout + stderr).not.toContain(credential);
    expect((await desk.run(['credentials', 'reencrypt'])).stdout).toMatch(
      /^0 brought under the current key, 0 left, 0 unreadable; 0 audit/,
    );
    expect((await desk.run(['connections', 'delete', 'weather', ...AT_ACME])).stdout).toBe(
      'weather of acme is gone, and its credential with it.\n',
    );
    expect((await desk.run(['connections', ...AT_ACME])).stdout).toBe('The tenant acme has no connections.\n');
    expect(await desk.run(['connections', 'refresh', 'weather', ...AT_ACME])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('404'),
    });
  });

  it.each([
    [
      'a credential that is not there',
      ['--credential-variable', 'NOT_THERE'],
      '{"kind":"mcp","url":"https://x.test"}',
      /NOT_THERE is not set/,
    ],
    ['a kind that is none', [], '{"kind":"ftp"}', /states no connection/],
    ['a list', [], '[]', /states no connection/],
  ])('sends nothing with %s', async (_, options, content, words) => {
    await writeFile(join(desk.home, 'x.json'), content);
    const nowhere = { RUBOT_GATEWAY_URL: 'http://127.0.0.1:1' };
    const { status, stderr } = await desk.run(['connections', 'save', 'x', 'x.json', ...AT_ACME, ...options], nowhere);
    expect([status, stderr]).toEqual([1, expect.stringMatching(words)]);
  });
});
