import type { AuditEntry } from '@rubot/contracts/audit';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { commitAudited } from '../src/store/audit/append-entry.ts';
import { signHeadsAnew } from '../src/store/audit/sign-heads-anew.ts';
import { openDatabase } from '../src/store/database.ts';
import { identityBindings } from '../src/store/schema.ts';
import { readEntries, runSql, startAuditing, verify } from './_audit.ts';
import { ENV, errorOf, type Holder, type MiddlewareHarness, startMiddleware } from './_harness.ts';

let middleware: MiddlewareHarness;

beforeAll(async () => {
  middleware = await startMiddleware();
});
afterAll(() => middleware.stop());

function ask(method: string, path: string, headers: Record<string, string>, body?: unknown): Promise<Response> {
  return fetch(`${middleware.url}/internal/${path}`, {
    method,
    headers: { authorization: `Bearer ${ENV.MIDDLEWARE_API_KEY}`, 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

function bind(tenant: Holder, senderId: string): Promise<Response> {
  return middleware.internal('POST', 'identity-bindings', { tenant_id: tenant.tenantId, sender_id: senderId });
}

async function isBound(senderId: string): Promise<boolean> {
  const found = await (await middleware.database()).prepare('select 1 from identity_bindings where sender_id = ?').bind(senderId).first();
  return found !== null;
}

async function lastOf(chain: string): Promise<AuditEntry | undefined> {
  return (await readEntries(middleware, chain)).at(-1);
}

describe('an entry', () => {
  it('says who, what, and in which trace', async () => {
    const tenant = await middleware.newTenant();
    const actor = `token:tok_${'a'.repeat(24)}`;
    const traceId = 'c3'.repeat(16);
    const body = { tenant_id: tenant.tenantId, sender_id: `told-${tenant.tenantId}` };
    const response = await ask('POST', 'identity-bindings', { 'x-rubot-actor': actor, 'x-rubot-trace-id': traceId }, body);
    expect(response.status).toBe(201);
    expect(await lastOf(tenant.tenantId)).toMatchObject({
      chain: tenant.tenantId,
      at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      actor,
      action: 'binding.created',
      target: body.sender_id,
      outcome: 'done',
      trace_id: traceId,
    });
  });

  it('is of the gateway when nobody is named, and of nobody who cannot be', async () => {
    const tenant = await middleware.newTenant();
    expect((await lastOf(tenant.tenantId))?.actor).toBe('gateway');
    for (const actor of ['two words', 'a'.repeat(201), 'é']) {
      const response = await ask('GET', 'identity-bindings', { 'x-rubot-actor': actor });
      expect(await errorOf(response)).toMatchObject({ status: 400, code: 'invalid_request', param: 'x-rubot-actor' });
    }
  });

  it('of a tool that writes names the call, and not what it says', async () => {
    const tenant = await middleware.newTenant();
    await middleware.call(tenant, 'tables_create_from_csv', { name: 'secrets', csv: 'word\nmellon\n' }, 'key-of-the-call');
    const entry = await lastOf(tenant.tenantId);
    expect(entry).toMatchObject({
      actor: `sender:${tenant.senderId}`,
      action: 'tool.called',
      target: 'tables_create_from_csv',
      outcome: 'done',
      details: {
        run_id: expect.stringMatching(/^run_/),
        idempotency_key_hash: expect.stringMatching(/^[0-9a-f]{64}$/),
        fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/),
      },
    });
    for (const word of ['mellon', 'secrets', 'key-of-the-call']) expect(JSON.stringify(entry)).not.toContain(word);
  });

  it('is there once for a write that is repeated', async () => {
    const tenant = await middleware.newTenant();
    const input = { name: 't', csv: 'n\n1\n' };
    await Promise.all(Array.from({ length: 10 }, () => middleware.call(tenant, 'tables_create_from_csv', input, 'same')));
    const entries = await readEntries(middleware, tenant.tenantId);
    expect(entries.filter((entry) => entry.action === 'tool.called' && entry.outcome === 'done')).toHaveLength(1);
  });
});

describe('what was refused is in the chain', () => {
  it.each([
    ['a sender that is bound elsewhere', 409],
    ['a sender that is not bound', 404],
    ['a sender of another tenant', 404],
  ])('%s', async (what, status) => {
    const [tenant, other] = [await middleware.newTenant(), await middleware.newTenant()];
    const senderId = what === 'a sender that is not bound' ? 'nobody-at-all' : other.senderId;
    const response =
      status === 409
        ? await bind(tenant, senderId)
        : await middleware.internal('DELETE', `identity-bindings/${senderId}?tenant_id=${tenant.tenantId}`);
    expect(response.status).toBe(status);
    expect(await isBound(other.senderId)).toBe(true);
    expect(await lastOf(tenant.tenantId)).toMatchObject({
      action: status === 409 ? 'binding.created' : 'binding.deleted',
      target: senderId,
      outcome: 'refused',
      details: { code: status === 409 ? 'conflict' : 'not_found' },
    });
  });

  it('of the platform, when there is no such tenant', async () => {
    expect((await middleware.internal('POST', 'identity-bindings', { tenant_id: 'nobody', sender_id: 'x' })).status).toBe(404);
    expect(await lastOf('*')).toMatchObject({ action: 'binding.created', outcome: 'refused' });
  });
});

describe('what was refused stays refused', () => {
  it('when it cannot be put on record, and the log has it', async () => {
    const [tenant, other] = [await middleware.newTenant(), await middleware.newTenant()];
    await runSql(middleware, 'alter table audit_entries rename to audit_entries_aside');
    const responses = [
      await bind(tenant, other.senderId),
      await middleware.internal('DELETE', 'identity-bindings/nobody-at-all'),
      await middleware.internal('POST', 'link-pins/use', { pin: '000000', sender_id: 'guesser' }),
      await middleware.data({ ...other, bearer: tenant.bearer }, 'tools'),
    ];
    await runSql(middleware, 'alter table audit_entries_aside rename to audit_entries');
    expect(responses.map((response) => response.status)).toEqual([409, 404, 200, 403]);
    const lost = await middleware.log.waitFor((line) => line.event_type === 'audit.failed' && line.extra?.['target'] === other.senderId);
    expect(lost).toMatchObject({ log_level: 'error', extra: { action: 'binding.created' } });
  });

  it('when many are at once, and their changes go on meanwhile', async () => {
    const tenant = await middleware.newTenant();
    const refusals = Array.from({ length: 60 }, (_, index) => middleware.data({ ...tenant, tenantId: `another-${index}` }, 'tools'));
    const changes = Array.from({ length: 5 }, (_, index) => bind(tenant, `meanwhile-${index}-${tenant.tenantId}`));
    expect(new Set((await Promise.all(refusals)).map((response) => response.status))).toEqual(new Set([403]));
    expect(new Set((await Promise.all(changes)).map((response) => response.status))).toEqual(new Set([201]));
    expect((await verify(middleware, tenant.tenantId)).findings).toEqual([]);
  });
});

describe('a change and its entry', () => {
  it('are both not there when the change fails', async () => {
    const tenant = await middleware.newTenant();
    const before = await readEntries(middleware, tenant.tenantId);
    const database = openDatabase(await middleware.database());
    const row = { senderId: 'half-way', tenantId: tenant.tenantId, createdAt: new Date().toISOString() };
    const twice = [database.insert(identityBindings).values(row), database.insert(identityBindings).values(row)];
    const record = { chain: tenant.tenantId, action: 'test.made', target: 't' };
    await expect(commitAudited(database, await startAuditing('operator'), record, twice)).rejects.toMatchObject({ code: 'conflict' });
    expect(await readEntries(middleware, tenant.tenantId)).toEqual(before);
    expect(await isBound('half-way')).toBe(false);
    expect((await verify(middleware, tenant.tenantId)).findings).toEqual([]);
  });

  it('are both not there when the entry fails', async () => {
    const tenant = await middleware.newTenant();
    await runSql(middleware, 'alter table audit_heads rename to audit_heads_aside');
    expect(await errorOf(await bind(tenant, 'unheard'))).toMatchObject({ status: 500 });
    const written = await middleware.call(tenant, 'tables_create_from_csv', { name: 'unheard', csv: 'n\n1\n' });
    await runSql(middleware, 'alter table audit_heads_aside rename to audit_heads');
    expect(written.status).toBe(500);
    expect(await isBound('unheard')).toBe(false);
    expect((await middleware.call(tenant, 'tables_list', {})).result).toEqual({ tables: [] });
    expect((await bind(tenant, 'unheard')).status).toBe(201);
    expect((await verify(middleware, tenant.tenantId)).findings).toEqual([]);
  });

  it('are refused when something stands where the entry should: nobody goes on from a chain that was touched', async () => {
    const tenant = await middleware.newTenant();
    const copy = `insert into audit_entries select chain, seq + 1, at, actor, action, target, outcome, trace_id, details, prev_hash, hash
      from audit_entries where chain = ? order by seq desc limit 1`;
    await runSql(middleware, copy, tenant.tenantId);
    const refused = await errorOf(await bind(tenant, 'after-it'));
    expect(refused).toMatchObject({ status: 500, code: 'misconfigured' });
    expect(await isBound('after-it')).toBe(false);
  });

  it('are refused behind a head that no key of ours has signed', async () => {
    const tenant = await middleware.newTenant();
    await runSql(middleware, "update audit_heads set mac = 'forged' where chain = ?", tenant.tenantId);
    const database = openDatabase(await middleware.database());
    const record = { chain: tenant.tenantId, action: 'test.made', target: 't' };
    await expect(commitAudited(database, await startAuditing('operator'), record, [])).rejects.toMatchObject({ code: 'misconfigured' });
  });
});

describe('when the secret is rotated', () => {
  const NEXT = 'es-next-8Zr1Ty6Ub3Nk9Vc5Xp7Ld2Hj0Gf';

  it('heads are good under the previous one, and signed anew under the current one', async () => {
    const tenant = await middleware.newTenant();
    const database = openDatabase(await middleware.database());
    await runSql(middleware, "update audit_heads set mac = 'forged' where chain = '*'");
    const { keys } = await startAuditing('operator', NEXT, ENV.ENCRYPTION_SECRET);
    const signed = await signHeadsAnew(database, keys);
    expect(signed.signed).toBeGreaterThan(0);
    expect(await signHeadsAnew(database, keys)).toMatchObject({ signed: 0 });
    const alone = await startAuditing('operator', NEXT);
    await commitAudited(database, alone, { chain: tenant.tenantId, action: 'test.made', target: 't' }, []);
    expect(await signHeadsAnew(database, (await startAuditing('operator')).keys)).toMatchObject({ signed: 0 });
    const back = await startAuditing('operator', ENV.ENCRYPTION_SECRET, NEXT);
    expect((await signHeadsAnew(database, back.keys)).signed).toBe(signed.signed);
    expect((await verify(middleware, tenant.tenantId)).findings).toEqual([]);
    await runSql(middleware, "delete from audit_entries where chain = '*'");
    await runSql(middleware, "delete from audit_heads where chain = '*'");
  });
});

describe('GET /internal/audit/:chain', () => {
  it('gives pages of lines in the order of the chain, and nothing behind its end', async () => {
    const tenant = await middleware.newTenant();
    for (const name of ['a', 'b', 'c']) await bind(tenant, `${name}-${tenant.tenantId}`);
    const first = await middleware.internal('GET', `audit/${tenant.tenantId}?limit=2`);
    expect(first.headers.get('content-type')).toMatch(/^application\/x-ndjson/);
    expect((await first.text()).trimEnd().split('\n')).toHaveLength(2);
    const seqs = (await readEntries(middleware, tenant.tenantId)).map((entry) => entry.seq);
    expect(seqs).toEqual(seqs.map((_, index) => index + 1));
    expect(await (await middleware.internal('GET', `audit/${tenant.tenantId}?after_seq=${seqs.length}`)).text()).toBe('');
  });

  it.each([
    ['audit/nobody', 404, 'tenant'],
    ['audit/nobody/head', 404, 'tenant'],
    ['audit/..%2f', 400, 'chain'],
    ['audit/*?limit=0', 400, 'limit'],
    ['audit/*?limit=1001', 400, 'limit'],
    ['audit/*?after_seq=-1', 400, 'after_seq'],
  ])('%s: %i', async (path, status, param) => {
    expect(await errorOf(await middleware.internal('GET', path))).toMatchObject({ status, param });
  });

  it('knows that a chain without entries is none that was cut off', async () => {
    const tenant = 'silent';
    await runSql(middleware, "insert into tenants (tenant_id, name, agent_policy, created_at) values (?, 'S', 'all', '2026')", tenant);
    const head = await middleware.internal('GET', `audit/${tenant}/head`);
    expect(await head.json()).toEqual({ chain: tenant, seq: 0, hash: '0'.repeat(64), is_authentic: true });
    expect(await verify(middleware, tenant)).toMatchObject({ findings: [], entries: 0 });
  });

  it('writes a line an entry, whatever stands in it', async () => {
    const tenant = await middleware.newTenant();
    const before = (await readEntries(middleware, tenant.tenantId)).length;
    const target = 'GET /a\u2028b\u0085c\nd\u0000e"\\';
    const details = { reason: '\u2029{"chain":"forged"}\r\n' };
    const record = { chain: tenant.tenantId, action: 'request.refused', target, outcome: 'refused', details };
    expect(await (await middleware.internal('POST', 'audit', record)).json()).toEqual({ recorded: true });
    const text = await (await middleware.internal('GET', `audit/${tenant.tenantId}?after_seq=${before}`)).text();
    expect(text.trimEnd()).toMatch(/^[\x20-\x7e]+$/);
    expect(JSON.parse(text)).toMatchObject({ target, details: { reason: details.reason } });
    expect((await verify(middleware, tenant.tenantId)).findings).toEqual([]);
  });
});

describe('POST /internal/audit', () => {
  function refuse(chain: string, target: string, actor = 'sender:ann', fields: object = {}): Promise<Response> {
    const body = { chain, action: 'access.refused', target, outcome: 'refused', ...fields };
    return ask('POST', 'audit', { 'x-rubot-actor': actor }, body);
  }

  it('writes down the same once in a while, however often it comes at once', async () => {
    const tenant = await middleware.newTenant();
    const before = (await readEntries(middleware, tenant.tenantId)).length;
    const answers = await Promise.all(Array.from({ length: 40 }, () => refuse(tenant.tenantId, 'POST /v1/runs')));
    const recorded = await Promise.all(answers.map(async (answer) => ((await answer.json()) as { recorded: boolean }).recorded));
    expect(recorded.filter(Boolean)).toHaveLength(1);
    await refuse(tenant.tenantId, 'POST /v1/runs', 'sender:bob');
    await refuse(tenant.tenantId, 'GET /v1/runs');
    expect(await readEntries(middleware, tenant.tenantId)).toHaveLength(before + 3);
  });

  it('writes down thirty a minute of one actor, however it varies them, and leaves others alone', async () => {
    const tenant = await middleware.newTenant();
    const before = (await readEntries(middleware, tenant.tenantId)).length;
    for (let round = 0; round < 5; round += 1) {
      await Promise.all(Array.from({ length: 10 }, (_, index) => refuse(tenant.tenantId, `GET /${round}/${index}`)));
    }
    expect(await readEntries(middleware, tenant.tenantId)).toHaveLength(before + 30);
    await refuse(tenant.tenantId, 'GET /', 'sender:bob');
    expect(await readEntries(middleware, tenant.tenantId)).toHaveLength(before + 31);
    expect((await bind(tenant, `still-${tenant.tenantId}`)).status).toBe(201);
    expect((await verify(middleware, tenant.tenantId)).findings).toEqual([]);
  });

  it('keeps what concerns no tenant in the chain of the platform', async () => {
    expect((await refuse('no-such-tenant', 'GET /of-nobody')).status).toBe(200);
    expect(await lastOf('*')).toMatchObject({ target: 'GET /of-nobody', details: { tenant_id: 'no-such-tenant' } });
    expect(await errorOf(await middleware.internal('GET', 'audit/no-such-tenant'))).toMatchObject({ status: 404 });
  });

  it.each([
    ['what was done', { outcome: 'done' }, 'outcome'],
    ['a long story', { details: { text: 'x'.repeat(3_000) } }, 'details'],
    ['half a surrogate pair', { details: { text: '\ud800' } }, 'details'],
    ['half a surrogate pair for a key', { details: { '\udc00': 1 } }, 'details'],
    ['an action that is none', { action: 'Access Refused' }, 'action'],
    ['a long target', { target: 'x'.repeat(301) }, 'target'],
  ])('takes no %s', async (_what, fields, param) => {
    const response = await refuse('*', 'GET /odd', 'sender:odd', fields);
    expect(await errorOf(response)).toMatchObject({ status: 400, code: 'invalid_request', param });
    expect((await readEntries(middleware, '*')).filter((entry) => entry.actor === 'sender:odd')).toEqual([]);
  });

  it('takes half a surrogate pair in a target for what it is stored as', async () => {
    expect((await refuse('*', 'GET /\ud800', 'sender:half')).status).toBe(200);
    expect((await verify(middleware, '*')).findings).toEqual([]);
  });
});

it('holds no precondition', async () => {
  const rows = await openDatabase(await middleware.database()).all(sql`select * from preconditions`);
  expect(rows).toEqual([]);
});
