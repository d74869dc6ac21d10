import { isActionHandle, isApiToken } from '@rubot/bearer/api-token';
import { ApiTokenList } from '@rubot/contracts/api-tokens';
import { CLIENT_SCOPES, type ClientScope } from '@rubot/contracts/scopes';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readEntries, verify } from './_audit.ts';
import { errorOf, type MiddlewareHarness, startMiddleware } from './_harness.ts';
import { type IssueInput, tokensOf } from './_tokens.ts';

let middleware: MiddlewareHarness;
let tokens: ReturnType<typeof tokensOf>;

beforeAll(async () => {
  middleware = await startMiddleware();
  tokens = tokensOf(middleware);
});
afterAll(() => middleware.stop());

async function list(tenantId: string, query = '') {
  const response = await middleware.internal('GET', `tenants/${tenantId}/tokens${query}`);
  expect(response.status).toBe(200);
  return ApiTokenList.parse(await response.json());
}

describe('issuing a token', () => {
  it('tells it once, and keeps its hash alone', async () => {
    const { tenantId } = await middleware.newTenant();
    const issued = await tokens.issue(tenantId, { scopes: ['chat:write'], limits: { requests_per_minute: 5 }, action_id: 'deploy' });
    expect(isApiToken(issued.token)).toBe(true);
    expect(isActionHandle(issued.action_handle ?? '')).toBe(true);
    expect(issued).toMatchObject({ tenant_id: tenantId, name: 'A token', created_by: 'operator', revoked_at: null, last_used_at: null });
    expect(issued.token.startsWith(issued.hint)).toBe(true);

    const { data } = await list(tenantId);
    const { token, action_handle: handle, action_id: _actionId, ...shown } = issued;
    expect(data).toEqual([shown]);
    const database = await middleware.database();
    for (const table of ['api_tokens', 'action_handles', 'audit_entries']) {
      const rows = JSON.stringify(await database.prepare(`select * from ${table}`).all());
      expect(rows).not.toContain(token.slice(10));
      expect(rows).not.toContain(handle?.slice(10));
    }
    expect(JSON.stringify(middleware.log.lines)).not.toMatch(/rb[th]_[0-9A-Za-z]{8}/);
  });

  it('is told of in the chain of the tenant, and gives the token a sender of its own', async () => {
    const { tenantId } = await middleware.newTenant();
    const issued = await tokens.issue(tenantId, { scopes: ['chat:write'], ttl_seconds: 60 });
    expect(issued).not.toHaveProperty('action_handle');
    const entry = (await readEntries(middleware, tenantId)).at(-1);
    expect(entry).toMatchObject({
      actor: 'operator',
      action: 'token.issued',
      target: issued.token_id,
      outcome: 'done',
      details: { scopes: ['chat:write'], limits: {}, expires_at: issued.expires_at },
    });
    expect(entry?.details).not.toHaveProperty('action_id');
    await tokens.issue(tenantId, { scopes: ['chat:write'], ttl_seconds: 60, action_id: 'nightly' });
    expect((await readEntries(middleware, tenantId)).at(-1)).toMatchObject({ details: { action_id: 'nightly' } });
    const resolved = await middleware.internal('POST', 'sessions/resolve', {
      session_id: `token:${issued.token_id}`,
      sender_id: `token:${issued.token_id}`,
      tenant_id: tenantId,
    });
    expect(await resolved.json()).toMatchObject({ status: 'linked', tenant_id: tenantId });
    expect(await verify(middleware, tenantId)).toMatchObject({ findings: [] });
  });

  it('needs a tenant, and says so on the chain of the platform when there is none', async () => {
    expect(await errorOf(await tokens.ask('no-such-tenant', { scopes: ['chat:write'] }))).toMatchObject({ status: 404, code: 'not_found' });
    const database = await middleware.database();
    const ofNobody = await database.prepare("select * from audit_entries where chain = 'no-such-tenant'").all();
    expect(ofNobody.results).toEqual([]);
    expect((await readEntries(middleware, '*')).at(-1)).toMatchObject({
      action: 'token.issued',
      outcome: 'refused',
      details: { code: 'not_found' },
    });
    const listed = await middleware.internal('GET', 'tenants/no-such-tenant/tokens');
    expect(await errorOf(listed)).toMatchObject({ status: 404, code: 'not_found' });
  });

  it.each([
    ['scopes', { scopes: [] }],
    ['scopes', { scopes: ['chat:write', 'chat:write'] }],
    ['scopes[0]', { scopes: ['admin'] }],
    ['ttl_seconds', { scopes: ['chat:write'], ttl_seconds: 59 }],
    ['ttl_seconds', { scopes: ['chat:write'], ttl_seconds: 367 * 86_400 }],
    ['limits', { scopes: ['chat:write'], limits: { wishes_per_minute: 1 } }],
    ['limits.usd_per_day', { scopes: ['chat:write'], limits: { usd_per_day: -1 } }],
    ['action_id', { scopes: ['chat:write'], action_id: '../x' }],
    ['issuer.token_id', { scopes: ['chat:write'], issuer: { token_id: 'tok_short', scopes: ['admin:*'] } }],
  ])('refuses a wrong %s', async (param, input) => {
    const { tenantId } = await middleware.newTenant();
    expect(await errorOf(await tokens.ask(tenantId, input as IssueInput))).toMatchObject({ status: 400, code: 'invalid_request', param });
  });
});

describe('issuing in the name of a token', () => {
  async function newIssuer(scopes: readonly ClientScope[] = ['admin:tokens'], input: Partial<IssueInput> = {}) {
    const { tenantId } = await middleware.newTenant();
    const issued = await tokens.issue(tenantId, { scopes, ...input });
    const actor = `token:${issued.token_id}`;
    const ask = (asked: IssueInput, held = scopes) =>
      tokens.ask(tenantId, { ...asked, issuer: { token_id: issued.token_id, scopes: held } }, actor);
    return { tenantId, tokenId: issued.token_id, actor, ask };
  }

  async function expectRefusal(
    response: Response,
    { tenantId, actor }: { tenantId: string; actor: string },
    reason: string,
  ): Promise<void> {
    expect(await errorOf(response)).toMatchObject({ status: 403, code: 'forbidden' });
    const entry = (await readEntries(middleware, tenantId)).at(-1);
    expect(entry).toMatchObject({ actor, action: 'token.issued', outcome: 'refused', details: { reason } });
    expect(await verify(middleware, tenantId)).toMatchObject({ findings: [] });
  }

  it('gives what the issuer holds, and names it', async () => {
    const issuer = await newIssuer(['admin:tokens', 'run:write'], { limits: { requests_per_minute: 10, usd_per_day: 5 } });
    const response = await issuer.ask({ scopes: ['run:read'], ttl_seconds: 60, limits: { requests_per_minute: 10, concurrent_runs: 1 } });
    expect(response.status).toBe(201);
    expect(await response.json()).toMatchObject({
      created_by: issuer.actor,
      scopes: ['run:read'],
      limits: { requests_per_minute: 10, usd_per_day: 5, concurrent_runs: 1 },
    });
  });

  it.each(CLIENT_SCOPES.filter((scope) => scope !== 'admin:tokens'))('with admin:tokens alone gives no %s', async (scope) => {
    const issuer = await newIssuer();
    await expectRefusal(await issuer.ask({ scopes: ['admin:tokens', scope], ttl_seconds: 60 }), issuer, 'scopes_exceed_issuer');
    expect((await readEntries(middleware, issuer.tenantId)).at(-1)).toMatchObject({ target: `admin:tokens ${scope}` });
    expect((await list(issuer.tenantId)).data).toHaveLength(1);
  });

  it('tells of each of two refusals in a row', async () => {
    const issuer = await newIssuer();
    await expectRefusal(await issuer.ask({ scopes: ['chat:write'], ttl_seconds: 60 }), issuer, 'scopes_exceed_issuer');
    await expectRefusal(await issuer.ask({ scopes: ['admin:*'], ttl_seconds: 60 }), issuer, 'scopes_exceed_issuer');
    const refused = (await readEntries(middleware, issuer.tenantId)).filter(({ outcome }) => outcome === 'refused');
    expect(refused).toHaveLength(2);
  });

  it('believes no scopes that the token does not have, and gives none that the request was narrowed to lack', async () => {
    const issuer = await newIssuer();
    await expectRefusal(await issuer.ask({ scopes: ['admin:*'], ttl_seconds: 60 }, ['admin:*']), issuer, 'scopes_exceed_issuer');
    const master = await newIssuer(['admin:*']);
    await expectRefusal(await master.ask({ scopes: ['chat:write'], ttl_seconds: 60 }, ['admin:tokens']), master, 'scopes_exceed_issuer');
    await expectRefusal(await master.ask({ scopes: ['run:read'], ttl_seconds: 60 }, ['run:read']), master, 'scope_missing');
    const chat = await newIssuer(['chat:write']);
    await expectRefusal(await chat.ask({ scopes: ['chat:write'], ttl_seconds: 60 }, ['admin:*']), chat, 'scope_missing');
  });

  it('gives no longer life than the issuer has left', async () => {
    const issuer = await newIssuer(['admin:*'], { ttl_seconds: 600 });
    await expectRefusal(await issuer.ask({ scopes: ['chat:write'], ttl_seconds: 601 }), issuer, 'lifetime_exceeds_issuer');
    expect((await issuer.ask({ scopes: ['chat:write'], ttl_seconds: 540 })).status).toBe(201);
  });

  it('gives no limit above the own ones of the issuer', async () => {
    const issuer = await newIssuer(['admin:*'], { limits: { usd_per_day: 5 } });
    const response = await issuer.ask({ scopes: ['chat:write'], ttl_seconds: 60, limits: { usd_per_day: 5.01 } });
    await expectRefusal(response, issuer, 'limits_exceed_issuer');
  });

  it('ends with the issuer, and does not begin with that of another tenant', async () => {
    const [revoked, expired, stranger] = [await newIssuer(['admin:*']), await newIssuer(['admin:*']), await newIssuer(['admin:*'])];
    await tokens.revoke(revoked.tenantId, revoked.tokenId);
    await expectRefusal(await revoked.ask({ scopes: ['chat:write'], ttl_seconds: 60 }), revoked, 'issuer_ended');
    await tokens.expire(expired.tokenId);
    await expectRefusal(await expired.ask({ scopes: ['chat:write'], ttl_seconds: 60 }), expired, 'issuer_ended');
    const { tenantId } = await middleware.newTenant();
    const asked = { scopes: ['chat:write'], ttl_seconds: 60, issuer: { token_id: stranger.tokenId, scopes: ['admin:*'] } } as const;
    await expectRefusal(await tokens.ask(tenantId, asked, stranger.actor), { tenantId, actor: stranger.actor }, 'issuer_unknown');
  });
});

describe('listing tokens', () => {
  it('goes page by page, and shows those of the tenant alone', async () => {
    const [{ tenantId }, other] = [await middleware.newTenant(), await middleware.newTenant()];
    await tokens.issue(other.tenantId, { scopes: ['chat:write'] });
    const issued: string[] = [];
    for (let count = 0; count < 5; count += 1) issued.push((await tokens.issue(tenantId, { scopes: ['chat:write'] })).token_id);
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await list(tenantId, `?limit=2${cursor === undefined ? '' : `&cursor=${cursor}`}`);
      seen.push(...page.data.map(({ token_id }) => token_id));
      cursor = page.next_cursor;
    } while (cursor !== undefined);
    expect(seen).toEqual([...issued].sort());
  });
});

describe('revoking a token', () => {
  it('answers 204 each time, and is told of once', async () => {
    const { tenantId } = await middleware.newTenant();
    const { token_id: tokenId } = await tokens.issue(tenantId, { scopes: ['chat:write'] });
    for (let round = 0; round < 3; round += 1) expect((await tokens.revoke(tenantId, tokenId)).status).toBe(204);
    expect((await list(tenantId)).data).toMatchObject([{ token_id: tokenId, revoked_at: expect.any(String) }]);
    const told = (await readEntries(middleware, tenantId)).filter(({ action }) => action === 'token.revoked');
    expect(told).toMatchObject([{ target: tokenId, outcome: 'done', actor: 'operator' }]);
  });

  it('knows neither a token that was never issued nor that of another tenant, which it leaves alive', async () => {
    const [owner, other] = [await middleware.newTenant(), await middleware.newTenant()];
    const issued = await tokens.issue(owner.tenantId, { scopes: ['chat:write'] });
    for (const tokenId of [issued.token_id, `tok_${'0'.repeat(24)}`]) {
      expect(await errorOf(await tokens.revoke(other.tenantId, tokenId))).toMatchObject({
        status: 404,
        code: 'not_found',
        param: 'token_id',
      });
    }
    expect(await tokens.resolve({ token: issued.token })).toMatchObject({ status: 'active' });
    expect((await readEntries(middleware, other.tenantId)).at(-1)).toMatchObject({ action: 'token.revoked', outcome: 'refused' });
  });

  it('ends the sender of the token, and every bearer that names it, whoever its sender is', async () => {
    const person = await middleware.newTenant();
    const issued = await tokens.issue(person.tenantId, { scopes: ['chat:write'] });
    const own = await tokens.holderOf(issued);
    const onBehalf = { ...person, bearer: await middleware.bearerFor(person, { tokenId: issued.token_id }) };
    for (const holder of [own, onBehalf]) expect((await middleware.call(holder, 'tables_list', {})).status).toBe(200);

    await tokens.revoke(person.tenantId, issued.token_id);
    for (const holder of [own, onBehalf]) {
      expect(await middleware.call(holder, 'tables_list', {})).toMatchObject({ status: 403, error: { code: 'forbidden' } });
      const verified = await middleware.internal('POST', 'bearers/verify', { bearer: holder.bearer });
      expect(await errorOf(verified)).toMatchObject({ status: 403 });
    }
    // The person's own bearer does not lean on the token.
    expect((await middleware.call(person, 'tables_list', {})).status).toBe(200);
    const resolved = await middleware.internal('POST', 'sessions/resolve', { session_id: 'left', sender_id: own.senderId });
    expect(await resolved.json()).toEqual({ status: 'unlinked' });
  });
});

describe('resolving a token', () => {
  it('says what it opens, by its hash and by its id', async () => {
    const { tenantId } = await middleware.newTenant();
    const issued = await tokens.issue(tenantId, { scopes: ['run:write'], limits: { concurrent_runs: 2 } });
    const expected = {
      status: 'active',
      token_id: issued.token_id,
      tenant_id: tenantId,
      scopes: ['run:write'],
      limits: { concurrent_runs: 2 },
      expires_at: issued.expires_at,
    };
    expect(await tokens.resolve({ token: issued.token })).toEqual(expected);
    expect(await tokens.resolve({ token_id: issued.token_id })).toEqual(expected);
  });

  it('says that it opens nothing: unknown, revoked, expired', async () => {
    const { tenantId } = await middleware.newTenant();
    const [revoked, expired] = [
      await tokens.issue(tenantId, { scopes: ['chat:write'] }),
      await tokens.issue(tenantId, { scopes: ['chat:write'] }),
    ];
    await tokens.revoke(tenantId, revoked.token_id);
    await tokens.expire(expired.token_id);
    for (const [issued, status] of [
      [revoked, 'revoked'],
      [expired, 'expired'],
    ] as const) {
      expect(await tokens.resolve({ token: issued.token })).toEqual({ status });
      expect(await tokens.resolve({ token_id: issued.token_id })).toEqual({ status });
    }
    expect(await tokens.resolve({ token: `${revoked.token}x` })).toEqual({ status: 'unknown' });
    expect((await list(tenantId)).data.map(({ last_used_at }) => last_used_at)).toEqual([null, null]);
    const malformed = await middleware.internal('POST', 'tokens/resolve', { hash: revoked.token });
    expect(await errorOf(malformed)).toMatchObject({ status: 400, code: 'invalid_request' });
  });

  it('notes to the minute when it was used last, and writes nothing again within it', async () => {
    const { tenantId } = await middleware.newTenant();
    const { token, token_id: tokenId } = await tokens.issue(tenantId, { scopes: ['chat:write'] });
    const database = await middleware.database();
    await database.exec('create table if not exists token_writes (token_id text)');
    await database.exec(
      'create trigger if not exists note_token_writes after update on api_tokens begin insert into token_writes values (new.token_id); end',
    );
    const countWrites = async () =>
      (await database.prepare('select count(*) as count from token_writes where token_id = ?').bind(tokenId).first<{ count: number }>())
        ?.count;

    await tokens.resolve({ token });
    const [used] = (await list(tenantId)).data;
    expect(used?.last_used_at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:00\.000Z$/);
    // As if it had been a minute ahead, so that no turn of the minute falls into the test.
    const ahead = new Date(Date.now() + 60_000).toISOString();
    await database.prepare('update api_tokens set last_used_at = ? where token_id = ?').bind(ahead, tokenId).run();
    const before = await countWrites();
    for (let round = 0; round < 5; round += 1) await tokens.resolve({ token });
    expect(await countWrites()).toBe(before);
    await database.prepare('update api_tokens set last_used_at = ? where token_id = ?').bind('2026-01-01T00:00:00.000Z', tokenId).run();
    await tokens.resolve({ token });
    expect(await countWrites()).toBe((before ?? 0) + 2);
    expect((await list(tenantId)).data[0]?.last_used_at?.slice(0, 10)).toBe(new Date().toISOString().slice(0, 10));
    await database.exec('drop trigger note_token_writes');
  });
});

describe('many changes at once', () => {
  it('keep one chain: 50 issues and revokes, each told of once', async () => {
    const { tenantId } = await middleware.newTenant();
    const first = await Promise.all(Array.from({ length: 25 }, () => tokens.issue(tenantId, { scopes: ['chat:write'] })));
    const answers = await Promise.all([
      ...first.map(({ token_id }) => tokens.revoke(tenantId, token_id)),
      ...Array.from({ length: 25 }, () => tokens.ask(tenantId, { scopes: ['chat:write'] })),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([...Array(25).fill(204), ...Array(25).fill(201)]);
    const entries = await readEntries(middleware, tenantId);
    expect(entries.filter(({ action }) => action === 'token.issued')).toHaveLength(50);
    const revoked = entries.filter(({ action }) => action === 'token.revoked').map(({ target }) => target);
    expect(revoked.sort()).toEqual(first.map(({ token_id }) => token_id).sort());
    expect(await verify(middleware, tenantId)).toMatchObject({ findings: [], entries: entries.length });
  });

  it('of one token: 20 revokes at once, told of once', async () => {
    const { tenantId } = await middleware.newTenant();
    const { token_id: tokenId } = await tokens.issue(tenantId, { scopes: ['chat:write'] });
    const answers = await Promise.all(Array.from({ length: 20 }, () => tokens.revoke(tenantId, tokenId)));
    expect(answers.every(({ status }) => status === 204)).toBe(true);
    expect((await readEntries(middleware, tenantId)).filter(({ action }) => action === 'token.revoked')).toHaveLength(1);
  });
});

describe('a token of one tenant', () => {
  it('does nothing in another', async () => {
    const [home, away] = [await middleware.newTenant(), await middleware.newTenant()];
    const issued = await tokens.issue(home.tenantId, { scopes: ['admin:*'], action_id: 'deploy' });
    const { bearer } = await tokens.holderOf(issued);
    const issuer = { token_id: issued.token_id, scopes: ['admin:*'] } as const;
    const before = (await list(away.tenantId)).data;
    const statuses = {
      'its bearer reads': (await middleware.call({ ...away, bearer }, 'tables_list', {})).status,
      'its bearer writes': (await middleware.call({ ...away, bearer }, 'tables_create_from_csv', { name: 'x', csv: 'a\n' })).status,
      'its bearer lists tools': (await middleware.data({ ...away, bearer }, 'tools')).status,
      'it issues': (await tokens.ask(away.tenantId, { scopes: ['chat:write'], issuer }, `token:${issued.token_id}`)).status,
      'it is revoked': (await tokens.revoke(away.tenantId, issued.token_id)).status,
      'it gets a handle': (await tokens.issueHandle(away.tenantId, issued.token_id, { action_id: 'x', scopes: ['chat:write'] })).status,
    };
    expect(statuses).toEqual({
      'its bearer reads': 403,
      'its bearer writes': 403,
      'its bearer lists tools': 403,
      'it issues': 403,
      'it is revoked': 404,
      'it gets a handle': 404,
    });
    const session = { session_id: 's', sender_id: `token:${issued.token_id}`, tenant_id: away.tenantId };
    expect(await (await middleware.internal('POST', 'sessions/resolve', session)).json()).toEqual({ status: 'unlinked' });
    expect((await list(away.tenantId)).data).toEqual(before);
    const ofAway = await readEntries(middleware, away.tenantId);
    expect(ofAway.filter(({ actor, outcome }) => actor === `token:${issued.token_id}` && outcome === 'done')).toEqual([]);
    // What its bearer was refused is told of at home.
    const ofHome = await readEntries(middleware, home.tenantId);
    expect(ofHome.filter(({ action, details }) => action === 'access.refused' && details['reason'] === 'tenant_mismatch')).not.toEqual([]);
  });

  it('is not claimed by a bearer that names it in another tenant', async () => {
    const [home, away] = [await middleware.newTenant(), await middleware.newTenant()];
    const issued = await tokens.issue(home.tenantId, { scopes: ['chat:write'] });
    const bearer = await middleware.bearerFor(away, { tokenId: issued.token_id });
    expect((await middleware.call({ ...away, bearer }, 'tables_list', {})).status).toBe(403);
  });
});
