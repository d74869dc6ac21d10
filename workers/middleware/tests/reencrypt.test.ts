import { type ApiUpstream, startApiUpstream } from '@rubot/testkit/api-upstream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openVault } from '../src/providers/credential/vault.ts';
import { ENV, type Holder, type MiddlewareHarness, startMiddleware } from './_harness.ts';
import { connectShop } from './_upstreams.ts';

const FORMER_SECRET = 'es-former-q4Wm8Zr1Ty6Ub3Nk9Vc5Xp7Ld2';
const ROWS = 1_000;

let upstream: ApiUpstream;
let middleware: MiddlewareHarness;
let holder: Holder;

beforeAll(async () => {
  upstream = await startApiUpstream();
  middleware = await startMiddleware({ OUTBOUND_PRIVATE_HOSTS: upstream.host, ENCRYPTION_SECRET_PREVIOUS: FORMER_SECRET });
  holder = await middleware.newTenant();
  upstream.onRequest(({ headers }) => ({
    status: /^Bearer credential of /.test(headers.authorization ?? '') ? 200 : 401,
    body: headers.authorization?.replace('credential', 'seen'),
  }));
  await connectShop(middleware, holder.tenantId, { baseUrl: upstream.url, credential: 'credential of shop' });
});
afterAll(async () => {
  await middleware.stop();
  await upstream.close();
});

/** Copies of the shop under other names, whose credentials were sealed by the former secret. */
async function insertFormer(names: readonly string[]): Promise<void> {
  const vault = await openVault({ current: FORMER_SECRET, previous: undefined });
  const database = await middleware.database();
  const shop = await database
    .prepare("select config, tools from connections where tenant_id = ? and provider_id = 'shop'")
    .bind(holder.tenantId)
    .first<{ config: string; tools: string }>();
  const rows = await Promise.all(
    names.map(async (providerId) => {
      const sealed = await vault.close({ tenantId: holder.tenantId, providerId }, `credential of ${providerId}`);
      return { ...sealed, providerId };
    }),
  );
  const now = new Date().toISOString();
  const value = (name: string) => `value ->> '${name}'`;
  const insert = (sql: string, ...parameters: unknown[]) =>
    database
      .prepare(sql)
      .bind(JSON.stringify(rows), holder.tenantId, now, ...parameters)
      .run();
  const tools = `replace(?5, '"shop_', '"' || (${value('providerId')}) || '_')`;
  await insert(
    `insert into connections select ?2, ${value('providerId')}, 'http', ?4, ${tools}, ?3 from json_each(?1)`,
    shop?.config,
    shop?.tools,
  );
  await insert(`insert into credentials select ?2, ${value('providerId')}, ${value('keyId')}, ${value('box')}, ?3 from json_each(?1)`);
}

async function reencrypt() {
  const response = await middleware.internal('POST', 'credentials/reencrypt');
  expect(response.status).toBe(200);
  return (await response.json()) as { reencrypted: number; remaining: number; unreadable: number };
}

function read(providerId: string) {
  return middleware.call(holder, `${providerId}_getOrder`, { id: '1' });
}

describe('credentials under a new secret', () => {
  it(`are ${ROWS} that are read and replaced meanwhile, and none fails`, async () => {
    const names = Array.from({ length: ROWS }, (_, index) => `former${index}`);
    await insertFormer(names);
    let isOver = false;
    const seen = { reads: 0, replaced: new Set<number>() };

    async function keepReading(offset: number): Promise<void> {
      for (let index = offset; !isOver; index = (index + 37) % ROWS) {
        const { status, text } = await read(`former${index}`);
        expect([status, text]).toEqual([200, expect.stringContaining('seen of')]);
        seen.reads += 1;
      }
    }

    /** What was put after it was read for re-encryption must stand, or the credential of yesterday would come back. */
    async function keepReplacing(): Promise<void> {
      for (let index = 0; !isOver; index = (index + 91) % ROWS) {
        const saved = await connectShop(middleware, holder.tenantId, {
          baseUrl: upstream.url,
          provider: `former${index}`,
          credential: 'credential of today',
        });
        expect(saved.status).toBe(200);
        seen.replaced.add(index);
      }
    }

    async function reencryptAll(): Promise<number> {
      let total = 0;
      for (;;) {
        const report = await reencrypt();
        total += report.reencrypted;
        expect(report.unreadable).toBe(0);
        if (report.remaining === 0) return total;
      }
    }

    const others = Promise.all([...[0, 333, 666].map(keepReading), keepReplacing()]);
    const reencrypting = reencryptAll().finally(() => {
      isOver = true;
    });
    const [total] = await Promise.all([reencrypting, others]);
    expect(total).toBeGreaterThan(ROWS / 2);
    expect(seen.reads).toBeGreaterThan(5);
    expect(seen.replaced.size).toBeGreaterThan(2);

    const vault = await openVault({ current: ENV.ENCRYPTION_SECRET, previous: undefined });
    const database = await middleware.database();
    const { results } = await database
      .prepare("select provider_id, key_id as keyId, box from credentials where provider_id like 'former%'")
      .all<{ provider_id: string; keyId: string; box: string }>();
    expect(results).toHaveLength(ROWS);
    for (const { provider_id: providerId, ...sealed } of results) {
      const isReplaced = seen.replaced.has(Number(providerId.slice('former'.length)));
      const text = await vault.open({ tenantId: holder.tenantId, providerId }, sealed);
      expect(text).toBe(isReplaced ? 'credential of today' : `credential of ${providerId}`);
    }
    const audit = await (await middleware.internal('GET', 'audit/*')).text();
    expect(audit).toContain('credentials.reencrypted');
  }, 120_000);

  it('of another tenant or provider do not open, nor what was changed', async () => {
    await insertFormer(['left', 'right', 'torn']);
    const database = await middleware.database();
    const boxOf = (name: string) => database.prepare('select box from credentials where provider_id = ?').bind(name).first<string>('box');
    const [left, right, torn] = await Promise.all([boxOf('left'), boxOf('right'), boxOf('torn')]);
    const put = (name: string, box: string | null) =>
      database.prepare('update credentials set box = ? where provider_id = ?').bind(box, name).run();
    await put('left', right);
    await put('right', left);
    await put('torn', `${torn?.slice(0, -6)}AAAAAA`);
    for (const name of ['left', 'right', 'torn']) {
      const before = upstream.requests.length;
      expect(await read(name)).toMatchObject({ status: 500, error: { code: 'misconfigured' } });
      expect(upstream.requests.length).toBe(before);
    }
    expect(await reencrypt()).toMatchObject({ reencrypted: 0, remaining: 0, unreadable: 3 });
    const other = await middleware.newTenant();
    await connectShop(middleware, other.tenantId, { baseUrl: upstream.url, credential: 'credential of other' });
    await database
      .prepare(
        "update credentials set box = (select box from credentials where tenant_id = ?1 and provider_id = 'shop') where tenant_id = ?2",
      )
      .bind(holder.tenantId, other.tenantId)
      .run();
    expect(await middleware.call(other, 'shop_getOrder', { id: '1' })).toMatchObject({ status: 500, error: { code: 'misconfigured' } });
    await database.prepare("delete from credentials where provider_id in ('left', 'right', 'torn')").run();
  });

  it('of a key that is not held, or another one, do not open and are counted', async () => {
    await insertFormer(['lost', 'wrong']);
    const database = await middleware.database();
    await database.prepare("update credentials set key_id = '0123456789abcdef' where provider_id = 'lost'").run();
    await database
      .prepare(
        "update credentials set key_id = (select key_id from credentials where provider_id = 'shop' and tenant_id = ?) where provider_id = 'wrong'",
      )
      .bind(holder.tenantId)
      .run();
    expect(await read('lost')).toMatchObject({ status: 500, error: { code: 'misconfigured' } });
    expect(await read('wrong')).toMatchObject({ status: 500, error: { code: 'misconfigured' } });
    expect(await reencrypt()).toMatchObject({ reencrypted: 0, remaining: 0, unreadable: 1 });
  });
});
