import type { CreatedLinkPin, UseLinkPinResponse } from '@rubot/contracts/link-pins';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openDatabase } from '../src/store/database.ts';
import { createLinkPinStore } from '../src/store/link-pins.ts';
import { readEntries, startAuditing, verify } from './_audit.ts';
import { ENV, errorOf, type Holder, type MiddlewareHarness, startMiddleware } from './_harness.ts';

let middleware: MiddlewareHarness;

beforeAll(async () => {
  middleware = await startMiddleware();
});
afterAll(() => middleware.stop());

// PINs and wrong tries count over all tenants and senders.
beforeEach(async () => {
  for (const table of ['link_pins', 'wrong_pin_tries', 'identity_bindings']) await run(`delete from ${table}`);
});

async function createPin(tenant: Holder, senderId?: string): Promise<string> {
  const response = await middleware.internal(
    'POST',
    `tenants/${tenant.tenantId}/link-pins`,
    senderId === undefined ? {} : { sender_id: senderId },
  );
  expect(response.status).toBe(201);
  const created = (await response.json()) as CreatedLinkPin;
  expect(created).toEqual({ pin: expect.stringMatching(/^[0-9]{6}$/), tenant_id: tenant.tenantId, expires_at: expect.any(String) });
  return created.pin;
}

async function use(pin: string, senderId: string): Promise<UseLinkPinResponse> {
  const response = await middleware.internal('POST', 'link-pins/use', { pin, sender_id: senderId });
  expect(response.status).toBe(200);
  return (await response.json()) as UseLinkPinResponse;
}

async function tenantOf(senderId: string): Promise<string | undefined> {
  const resolved = await middleware.internal('POST', 'sessions/resolve', { session_id: `s-${senderId}`, sender_id: senderId });
  return ((await resolved.json()) as { tenant_id?: string }).tenant_id;
}

/** Another one than those given. */
function wrongPin(...pins: readonly string[]): string {
  return ['000000', '000001', '000002', '000003'].find((pin) => !pins.includes(pin))!;
}

async function run(statement: string, ...values: unknown[]): Promise<void> {
  await (await middleware.database())
    .prepare(statement)
    .bind(...values)
    .run();
}

async function countOf(table: string): Promise<number | undefined> {
  const row = await (await middleware.database()).prepare(`select count(*) as rows from ${table}`).first<{ rows: number }>();
  return row?.rows;
}

/** As if so many had been wrong just now. */
async function fillTries(count: number, senderOf: (index: number) => string): Promise<void> {
  const senders = JSON.stringify(Array.from({ length: count }, (_, index) => senderOf(index)));
  await run('insert into wrong_pin_tries select null, value, ? from json_each(?)', new Date().toISOString(), senders);
}

async function actionsOf(chain: string): Promise<string[]> {
  return (await readEntries(middleware, chain)).map((entry) => `${entry.action} ${entry.outcome}`);
}

describe('a PIN', () => {
  it('links one sender, once, and says so again to that sender', async () => {
    const tenant = await middleware.newTenant();
    const pin = await createPin(tenant);
    const linked = { status: 'linked', tenant_id: tenant.tenantId, tenant_name: tenant.tenantId.replace('tenant-', 'Tenant ') };
    expect(await use(pin, 'ann')).toEqual(linked);
    expect(await use(pin, 'ann')).toEqual(linked);
    expect(await use(pin, 'bob')).toEqual({ status: 'refused' });
    expect([await tenantOf('ann'), await tenantOf('bob')]).toEqual([tenant.tenantId, undefined]);
    expect((await actionsOf(tenant.tenantId)).slice(-3)).toEqual(['link_pin.created done', 'link_pin.used done', 'link_pin.used refused']);
  });

  it('is of no use to its sender again once that is unlinked', async () => {
    const tenant = await middleware.newTenant();
    const pin = await createPin(tenant);
    await use(pin, 'ann');
    await middleware.internal('DELETE', 'identity-bindings/ann');
    expect(await use(pin, 'ann')).toEqual({ status: 'refused' });
    expect(await tenantOf('ann')).toBeUndefined();
  });

  it('is kept nowhere as it is, and told nowhere', async () => {
    const tenant = await middleware.newTenant();
    const pin = await createPin(tenant);
    await use(pin, 'ann');
    const { results } = await (await middleware.database()).prepare('select * from link_pins').all();
    expect(JSON.stringify(results)).not.toContain(pin);
    expect(JSON.stringify(await readEntries(middleware, tenant.tenantId))).not.toContain(pin);
    expect(JSON.stringify(middleware.log.lines)).not.toContain(pin);
  });

  it('ends after five minutes', async () => {
    const tenant = await middleware.newTenant();
    const pin = await createPin(tenant);
    await run("update link_pins set expires_at = '2026-01-01T00:00:00.000Z'");
    expect(await use(pin, 'ann')).toEqual({ status: 'refused' });
    expect(await tenantOf('ann')).toBeUndefined();
  });

  it('moves no sender that is linked elsewhere, and stays open for another', async () => {
    const [home, other] = [await middleware.newTenant(), await middleware.newTenant()];
    const pin = await createPin(other);
    expect(await use(pin, home.senderId)).toEqual({ status: 'linked_elsewhere' });
    expect(await tenantOf(home.senderId)).toBe(home.tenantId);
    expect(await use(pin, 'ann')).toMatchObject({ status: 'linked', tenant_id: other.tenantId });
  });

  it('is not used up by one who is linked already', async () => {
    const tenant = await middleware.newTenant();
    const pin = await createPin(tenant);
    expect(await use(pin, tenant.senderId)).toMatchObject({ status: 'linked', tenant_id: tenant.tenantId });
    expect(await use(pin, 'ann')).toMatchObject({ status: 'linked' });
  });

  it('for one sender is nothing to another', async () => {
    const tenant = await middleware.newTenant();
    const pin = await createPin(tenant, 'ann');
    expect(await use(pin, 'bob')).toEqual({ status: 'refused' });
    expect(await tenantOf('bob')).toBeUndefined();
    expect(await use(pin, 'ann')).toMatchObject({ status: 'linked' });
  });
});

describe('of any number of uses at once', () => {
  it('one is let through by the database, of those that saw it open', async () => {
    const tenant = await middleware.newTenant();
    await createPin(tenant);
    const store = createLinkPinStore(openDatabase(await middleware.database()));
    const row = await (await middleware.database()).prepare('select pin_id from link_pins').first<{ pin_id: string }>();
    const uses = Array.from({ length: 5 }, async (_, index) => {
      const auditing = await startAuditing('operator');
      return store.use(auditing, { pinId: row!.pin_id, tenantId: tenant.tenantId, senderId: `seer-${index}` });
    });
    expect((await Promise.all(uses)).filter(Boolean)).toHaveLength(1);
    expect(await countOf("identity_bindings where sender_id like 'seer-%'")).toBe(1);
  });

  it('one links, by 100 senders', async () => {
    const tenant = await middleware.newTenant();
    const pin = await createPin(tenant);
    const answers = await Promise.all(Array.from({ length: 100 }, (_, index) => use(pin, `rival-${index}`)));
    expect(answers.filter((answer) => answer.status === 'linked')).toHaveLength(1);
    expect(answers.filter((answer) => answer.status === 'refused')).toHaveLength(99);
    const listed = await middleware.internal('GET', `identity-bindings?tenant_id=${tenant.tenantId}&limit=200`);
    expect(((await listed.json()) as { data: unknown[] }).data).toHaveLength(2);
    expect((await actionsOf(tenant.tenantId)).filter((action) => action === 'link_pin.used done')).toHaveLength(1);
    expect((await verify(middleware, tenant.tenantId)).findings).toEqual([]);
  });

  it('all are told the same, by one sender', async () => {
    const tenant = await middleware.newTenant();
    const pin = await createPin(tenant);
    const answers = await Promise.all(Array.from({ length: 100 }, () => use(pin, 'ann')));
    expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set(['linked']));
    expect((await actionsOf(tenant.tenantId)).filter((action) => action === 'link_pin.used done')).toHaveLength(1);
  });

  it('one of two PINs links a sender, with two tenants', async () => {
    for (let round = 0; round < 10; round += 1) {
      const tenants = [await middleware.newTenant(), await middleware.newTenant()];
      const pins = [await createPin(tenants[0]!), await createPin(tenants[1]!)];
      const answers = await Promise.all(pins.map((pin) => use(pin, `wanted-${round}`)));
      expect(answers.map((answer) => answer.status).sort(), `round ${round}`).toEqual(['linked', 'linked_elsewhere']);
    }
  });
});

describe('wrong tries', () => {
  it('burn a PIN for any sender with the fifth, whoever tries', async () => {
    const tenant = await middleware.newTenant();
    const pin = await createPin(tenant);
    for (let index = 0; index < 5; index += 1) expect(await use(wrongPin(pin), `guesser-${index}`)).toEqual({ status: 'refused' });
    expect(await use(pin, 'ann')).toEqual({ status: 'refused' });
    expect(await tenantOf('ann')).toBeUndefined();
    expect(await actionsOf(tenant.tenantId)).toContain('link_pin.burned done');
    const told = (await readEntries(middleware, '*')).filter((entry) => entry.target.startsWith('guesser-'));
    expect(told.map((entry) => [entry.action, entry.outcome, entry.details['burned']])).toEqual(
      [0, 0, 0, 0, 1].map((burned) => ['link_pin.used', 'refused', burned]),
    );
  });

  it('leave a PIN open with the fourth', async () => {
    const tenant = await middleware.newTenant();
    const pin = await createPin(tenant);
    for (let index = 0; index < 4; index += 1) await use(wrongPin(pin), `guesser-${index}`);
    expect(await use(pin, 'ann')).toMatchObject({ status: 'linked' });
  });

  it('of strangers do nothing to a PIN for one sender; those of that sender burn it', async () => {
    const tenant = await middleware.newTenant();
    const [anns, bobs] = [await createPin(tenant, 'ann'), await createPin(tenant, 'bob')];
    for (let index = 0; index < 10; index += 1) await use(wrongPin(anns, bobs), `guesser-${index}`);
    for (let index = 0; index < 5; index += 1) await use(wrongPin(anns, bobs), 'bob');
    await run('delete from wrong_pin_tries');
    expect(await use(anns, 'ann')).toMatchObject({ status: 'linked' });
    expect(await use(bobs, 'bob')).toEqual({ status: 'refused' });
  });

  it('of one sender end with the fifth in five minutes, for the right PIN too', async () => {
    const tenant = await middleware.newTenant();
    for (let index = 0; index < 5; index += 1) await use('999999', 'guesser');
    const pin = await createPin(tenant);
    const waiting = await use(pin, 'guesser');
    expect(waiting).toEqual({ status: 'too_many_tries', retry_after_seconds: expect.any(Number) });
    expect((waiting as { retry_after_seconds: number }).retry_after_seconds).toBeGreaterThan(200);
    expect((waiting as { retry_after_seconds: number }).retry_after_seconds).toBeLessThanOrEqual(300);
    expect(await use(pin, 'ann')).toMatchObject({ status: 'linked' });
    await run("update wrong_pin_tries set tried_at = '2026-01-01T00:00:00.000Z'");
    expect(await use(await createPin(tenant), 'guesser')).toMatchObject({ status: 'linked' });
  });

  it('of all senders end with the hundredth in a minute: then everybody waits', async () => {
    const tenant = await middleware.newTenant();
    await fillTries(80, (index) => `earlier-${index}`);
    const tries = Array.from({ length: 50 }, (_, index) => use('999999', `crowd-${index}`));
    const answers = (await Promise.all(tries)).map((answer) => answer.status);
    expect(answers.filter((status) => status === 'refused')).toHaveLength(20);
    expect(answers.filter((status) => status === 'too_many_tries')).toHaveLength(30);
    const pin = await createPin(tenant, 'ann');
    expect(await use(pin, 'ann')).toMatchObject({ status: 'too_many_tries' });
    await run('update wrong_pin_tries set tried_at = ?', new Date(Date.now() - 61_000).toISOString());
    expect(await use(pin, 'ann')).toMatchObject({ status: 'linked' });
    expect((await verify(middleware, '*')).findings).toEqual([]);
  });

  it('beyond a limit count for nothing: who has to wait burns no PIN of others', async () => {
    const tenant = await middleware.newTenant();
    await fillTries(5, () => 'guesser');
    const pins = [await createPin(tenant), await createPin(tenant)];
    for (let index = 0; index < 6; index += 1) expect(await use(wrongPin(...pins), 'guesser')).toMatchObject({ status: 'too_many_tries' });
    expect(await countOf('wrong_pin_tries')).toBe(5);
    expect(await use(pins[0]!, 'ann')).toMatchObject({ status: 'linked' });
    await fillTries(95, (index) => `earlier-${index}`);
    for (let index = 0; index < 6; index += 1) await use(wrongPin(...pins), `later-${index}`);
    expect(await countOf('wrong_pin_tries')).toBe(100);
    await run('delete from wrong_pin_tries');
    expect(await use(pins[1]!, 'bob')).toMatchObject({ status: 'linked' });
  });

  it('are few however many come at once: a right one among 60 comes too late, behind five', async () => {
    const tenant = await middleware.newTenant();
    const pin = await createPin(tenant);
    const before = Array.from({ length: 60 }, (_, index) => use(wrongPin(pin), `before-${index}`));
    await Promise.all(before.slice(0, 5));
    const answers = await Promise.all([...before, use(pin, 'lucky')]);
    expect(answers.filter((answer) => answer.status === 'linked')).toEqual([]);
    expect(await tenantOf('lucky')).toBeUndefined();
  });

  it('are forgotten in passing', async () => {
    await middleware.newTenant();
    await use('999999', 'guesser');
    await run("update wrong_pin_tries set tried_at = '2026-01-01T00:00:00.000Z'");
    await use('999998', 'guesser');
    expect(await countOf('wrong_pin_tries')).toBe(1);
  });
});

describe('POST /internal/tenants/:tenant/link-pins', () => {
  it('makes twenty in 24 hours, however many are asked for at once', async () => {
    const tenant = await middleware.newTenant();
    const answers = await Promise.all(
      Array.from({ length: 30 }, () => middleware.internal('POST', `tenants/${tenant.tenantId}/link-pins`, {})),
    );
    expect(answers.map((answer) => answer.status).sort()).toEqual([...Array(20).fill(201), ...Array(10).fill(429)]);
    const refused = answers.find((answer) => answer.status === 429)!;
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(86_000);
    expect(await errorOf(refused)).toMatchObject({ code: 'rate_limited' });
    expect(await actionsOf(tenant.tenantId)).toContain('link_pin.created refused');
    await run('update link_pins set created_at = ?, expires_at = ?', '2026-01-01T00:00:00.000Z', '2026-01-01T00:05:00.000Z');
    await createPin(tenant);
    expect(await countOf('link_pins')).toBe(1);
  });

  it('makes none that is open already, of two at once neither', async () => {
    const tenants = [await middleware.newTenant(), await middleware.newTenant()];
    const store = createLinkPinStore(openDatabase(await middleware.database()));
    const create = async (tenant: Holder, name: string) => {
      const mac = { keyId: 'k', mac: name };
      const pin = { tenantId: tenant.tenantId, senderId: undefined, mac, macs: [mac, { keyId: 'former', mac: `former-${name}` }] };
      return (await store.create(await startAuditing('operator'), pin)).status;
    };
    expect(await create(tenants[0]!, 'a')).toBe('created');
    expect(await create(tenants[1]!, 'a')).toBe('taken');
    await run("update link_pins set mac = 'former-a'");
    expect(await create(tenants[1]!, 'a')).toBe('taken');
    await run('update link_pins set used_at = expires_at');
    expect(await create(tenants[1]!, 'a')).toBe('created');
    const raced = await Promise.all(tenants.map((tenant) => create(tenant, 'b')));
    expect(raced.sort()).toEqual(['created', 'taken']);
  });

  it('refuses what is no tenant, and the sender of a token', async () => {
    const tenant = await middleware.newTenant();
    expect(await errorOf(await middleware.internal('POST', 'tenants/nobody/link-pins', {}))).toMatchObject({
      status: 404,
      param: 'tenant',
    });
    const body = { sender_id: `token:tok_${'a'.repeat(24)}` };
    expect(await errorOf(await middleware.internal('POST', `tenants/${tenant.tenantId}/link-pins`, body))).toMatchObject({
      status: 400,
      param: 'sender_id',
    });
    const use = { pin: '123456', sender_id: body.sender_id };
    expect(await errorOf(await middleware.internal('POST', 'link-pins/use', use))).toMatchObject({ status: 400, param: 'sender_id' });
  });

  it.each(['12345', '1234567', '12345a', '１２３４５６', ' 12345', ''])('takes no %j for a PIN', async (pin) => {
    expect(await errorOf(await middleware.internal('POST', 'link-pins/use', { pin, sender_id: 'ann' }))).toMatchObject({
      status: 400,
      param: 'pin',
    });
  });
});

describe('after a rotation of the secret, a PIN', () => {
  it('is found under the previous key', async () => {
    const tenant = await middleware.newTenant();
    const pin = await createPin(tenant);
    const former = await (await middleware.database())
      .prepare('select key_id, mac from link_pins')
      .first<{ key_id: string; mac: string }>();
    await middleware.stop();
    middleware = await startMiddleware({
      ENCRYPTION_SECRET: 'es-new-m8Zr1Ty6Ub3Nk9Vc5Xp7Ld2Hj0Gf',
      ENCRYPTION_SECRET_PREVIOUS: ENV.ENCRYPTION_SECRET,
    });
    const again = await middleware.newTenant();
    await createPin(again);
    await run('update link_pins set key_id = ?, mac = ?', former!.key_id, former!.mac);
    expect(await use(pin, 'ann')).toMatchObject({ status: 'linked', tenant_id: again.tenantId });
  });
});
