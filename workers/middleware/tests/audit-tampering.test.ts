import { hashEntry } from '@rubot/audit/hash-entry';
import type { AuditEntry } from '@rubot/contracts/audit';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { readEntries, runSql, verify } from './_audit.ts';
import { type Holder, type MiddlewareHarness, startMiddleware } from './_harness.ts';

const LENGTH = 20;

// Some hundred changes of the database and verifications a test.
vi.setConfig({ testTimeout: 60_000 });

let middleware: MiddlewareHarness;
let tenant: Holder;
let other: Holder;
let entries: readonly AuditEntry[];

/** Entries of every kind: done and refused, of routes and of tools. */
async function fillChain(holder: Holder): Promise<void> {
  const { tenantId } = holder;
  await middleware.call(holder, 'tables_create_from_csv', { name: 't', csv: 'n\n1\n' });
  for (let index = 0; (await readEntries(middleware, tenantId)).length < LENGTH - 2; index += 1) {
    await middleware.internal('POST', 'identity-bindings', { tenant_id: tenantId, sender_id: `${tenantId}-${index}` });
    await middleware.internal('POST', `tenants/${tenantId}/link-pins`, {});
    await middleware.internal('DELETE', `identity-bindings/nobody-${index}?tenant_id=${tenantId}`);
    await middleware.call(holder, 'tables_insert', { table: 't', rows: [{ n: index }] });
  }
  while ((await readEntries(middleware, tenantId)).length < LENGTH) {
    await middleware.internal('POST', `tenants/${tenantId}/link-pins`, {});
  }
}

beforeAll(async () => {
  middleware = await startMiddleware();
  [tenant, other] = [await middleware.newTenant(), await middleware.newTenant()];
  await fillChain(tenant);
  await fillChain(other);
  entries = await readEntries(middleware, tenant.tenantId);
  expect(entries).toHaveLength(LENGTH);
  expect(new Set(entries.map((entry) => entry.outcome))).toEqual(new Set(['done', 'refused']));
  expect(new Set(entries.map((entry) => entry.action)).size).toBeGreaterThanOrEqual(5);
  await runSql(middleware, 'create table kept_entries as select * from audit_entries');
  await runSql(middleware, 'create table kept_heads as select * from audit_heads');
});
afterAll(() => middleware.stop());

type Change = readonly [statement: string, ...values: unknown[]];

const RESTORE: readonly Change[] = ['entries', 'heads'].flatMap((what) => [
  [`delete from audit_${what}`],
  [`insert into audit_${what} select * from kept_${what}`],
]);

async function apply(changes: readonly Change[]): Promise<void> {
  const database = await middleware.database();
  await database.batch(changes.map(([statement, ...values]) => database.prepare(statement).bind(...values)));
}

beforeEach(() => apply(RESTORE));

/** What the verifier says of the chain after these changes of the database, and no others. */
async function faultsAfter(...changes: readonly Change[]): Promise<string[]> {
  await apply([...RESTORE, ...changes]);
  const { findings } = await verify(middleware, tenant.tenantId);
  return findings.map(({ fault, seq }) => `${fault} ${seq}`);
}

const AT = 'where chain = ? and seq = ?';

it('finds nothing in a chain that was left alone', async () => {
  expect(await verify(middleware, tenant.tenantId)).toMatchObject({ findings: [], entries: LENGTH, end: { seq: LENGTH } });
  expect(await verify(middleware, other.tenantId)).toMatchObject({ findings: [], entries: LENGTH });
});

describe('an entry that was changed is found, whichever it is, in the column', () => {
  const flips: readonly [string, readonly string[]][] = [
    ['chain', ["'somewhere'", "chain || 'x'"]],
    ['seq', ['seq + 1000', '-seq', '0', "'x' || seq", 'seq + 0.5']],
    ['at', ["'2026-01-01T00:00:00.000Z'", "at || ' '"]],
    ['actor', ["'operator '", "actor || 'x'"]],
    ['action', ["action || '.x'", "''"]],
    ['target', ["target || 'x'", 'target || char(0)', 'target || char(8203)']],
    ['outcome', ["iif(outcome = 'done', 'refused', 'done')", "'failed'"]],
    ['trace_id', ["substr(trace_id, 2) || 'z'"]],
    ['details', ["json_set(details, '$.x', 1)", "json_set(details, '$.__proto__', 1)", "'{'", "'[]'", "'null'", "''"]],
    ['prev_hash', ["substr(prev_hash, 2) || 'a' || substr(prev_hash, 1, 1)", "''"]],
    ['hash', ["upper(hash) || 'x'", "''", 'prev_hash']],
  ];

  it.each(flips)('%s', async (column, values) => {
    for (const { seq } of entries) {
      for (const value of values) {
        const faults = await faultsAfter([`update audit_entries set ${column} = ${value} ${AT}`, tenant.tenantId, seq]);
        expect(faults, `entry ${seq}: ${column} = ${value}`).not.toEqual([]);
      }
    }
  });
});

describe('entries that were', () => {
  it('deleted are found, one by one', async () => {
    for (const { seq } of entries) {
      const faults = await faultsAfter([`delete from audit_entries ${AT}`, tenant.tenantId, seq]);
      expect(faults).toEqual([seq === LENGTH ? `cut_off ${seq}` : `missing ${seq}`]);
    }
  });

  it('cut off are found, however many, and all of them', async () => {
    for (const { seq } of entries) {
      const faults = await faultsAfter(['delete from audit_entries where chain = ? and seq >= ?', tenant.tenantId, seq]);
      expect(faults).toEqual([`cut_off ${seq}`]);
    }
  });

  it('reordered are found, with the next and with the farthest', async () => {
    for (const left of entries.slice(0, -1)) {
      for (const right of new Set([entries[left.seq]!, entries.at(-1)!])) {
        const move = `update audit_entries set seq = ? ${AT}`;
        const faults = await faultsAfter(
          [move, -1, tenant.tenantId, left.seq],
          [move, left.seq, tenant.tenantId, right.seq],
          [move, right.seq, tenant.tenantId, -1],
        );
        expect(faults, `${left.seq} and ${right.seq}`).toEqual(expect.arrayContaining([`changed ${left.seq}`, `changed ${right.seq}`]));
      }
    }
  });

  it('inserted are found, at each place', async () => {
    const columns = 'at, actor, action, target, outcome, trace_id, details, prev_hash, hash';
    for (let place = 0; place <= LENGTH; place += 1) {
      const faults = await faultsAfter(
        ['update audit_entries set seq = -seq where chain = ? and seq > ?', tenant.tenantId, place],
        ['update audit_entries set seq = 1 - seq where chain = ? and seq < 0', tenant.tenantId],
        [
          `insert into audit_entries (chain, seq, ${columns}) select chain, ?, ${columns} from kept_entries ${AT}`,
          place + 1,
          tenant.tenantId,
          Math.max(1, place),
        ],
      );
      expect(faults, `after ${place}`).not.toEqual([]);
    }
  });

  it('put before the first are found', async () => {
    const copy = `insert into audit_entries select chain, 0, at, actor, action, target, outcome, trace_id, details, prev_hash, hash from kept_entries ${AT}`;
    expect(await faultsAfter([copy, tenant.tenantId, 1])).toEqual(['unreadable 1']);
  });

  it('exchanged with those of another chain are found, at each place', async () => {
    for (const { seq } of entries) {
      const faults = await faultsAfter(
        [`update audit_entries set chain = 'aside' ${AT}`, tenant.tenantId, seq],
        [`update audit_entries set chain = ? ${AT}`, tenant.tenantId, other.tenantId, seq],
        [`update audit_entries set chain = ? ${AT}`, other.tenantId, 'aside', seq],
      );
      expect(faults).toContain(`changed ${seq}`);
    }
  });

  it('written anew from one on, with hashes that fit each other, do not fit the head', async () => {
    for (const first of entries) {
      const changes: Change[] = [];
      let prevHash = first.prev_hash;
      for (const { hash: _hash, ...entry } of entries.slice(first.seq - 1)) {
        const forged = {
          ...entry,
          actor: entry.seq === first.seq ? 'operator' : entry.actor,
          target: `${entry.target}x`,
          prev_hash: prevHash,
        };
        prevHash = await hashEntry(forged);
        changes.push([
          `update audit_entries set actor = ?, target = ?, prev_hash = ?, hash = ? ${AT}`,
          ...[forged.actor, forged.target, forged.prev_hash, prevHash, tenant.tenantId, entry.seq],
        ]);
      }
      expect(await faultsAfter(...changes)).toEqual([`not_the_head ${LENGTH}`]);
      const head: Change = ['update audit_heads set hash = ? where chain = ?', prevHash, tenant.tenantId];
      expect(await faultsAfter(...changes, head)).toEqual([`head_changed ${LENGTH}`]);
    }
  });
});

describe('a head', () => {
  it.each(['seq = seq - 1', 'seq = seq + 1', "seq = 'x'", 'hash = upper(hash)', "key_id = 'x'", "mac = 'x'", "mac = ''"])(
    'with %s is found',
    async (change) => {
      expect(await faultsAfter([`update audit_heads set ${change} where chain = ?`, tenant.tenantId])).not.toEqual([]);
    },
  );

  it('of another chain is found', async () => {
    const faults = await faultsAfter([
      'update audit_heads set (seq, hash, key_id, mac) = (select seq, hash, key_id, mac from kept_heads where chain = ?) where chain = ?',
      ...[other.tenantId, tenant.tenantId],
    ]);
    expect(faults).toEqual([`head_changed ${LENGTH}`]);
  });

  it('that is gone is found', async () => {
    expect(await faultsAfter(['delete from audit_heads where chain = ?', tenant.tenantId])).toEqual(['beyond_head 1']);
  });

  it('of an earlier day is found, by who has noted a later one', async () => {
    const noted = await verify(middleware, tenant.tenantId);
    await middleware.internal('POST', 'identity-bindings', { tenant_id: tenant.tenantId, sender_id: `${tenant.tenantId}-later` });
    const later = await verify(middleware, tenant.tenantId, noted.end);
    expect(later).toMatchObject({ findings: [], entries: 1, end: { seq: LENGTH + 1 } });
    await apply(RESTORE);
    expect((await verify(middleware, tenant.tenantId, later.end)).findings).toMatchObject([{ fault: 'beyond_head' }]);
  });
});

it('is not covered up by going on: what was cut off is missing behind the next entry too', async () => {
  await runSql(middleware, 'delete from audit_entries where chain = ? and seq = ?', tenant.tenantId, LENGTH);
  await middleware.internal('POST', 'identity-bindings', { tenant_id: tenant.tenantId, sender_id: `${tenant.tenantId}-next` });
  expect((await verify(middleware, tenant.tenantId)).findings).not.toEqual([]);
});
