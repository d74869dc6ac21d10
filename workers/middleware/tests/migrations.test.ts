import { readdirSync, readFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { expect, it } from 'vitest';

const FOLDER = new URL('../migrations/', import.meta.url);
const MIGRATIONS = readdirSync(FOLDER).filter((name) => name.endsWith('.sql'));

function openAt(last: string): DatabaseSync {
  const database = new DatabaseSync(':memory:');
  migrate(database, (name) => name <= last);
  return database;
}

function migrate(database: DatabaseSync, isWanted: (name: string) => boolean): void {
  for (const name of MIGRATIONS.filter(isWanted)) database.exec(readFileSync(new URL(name, FOLDER), 'utf8'));
}

it('the sessions that there are become those of the tenants of their senders', () => {
  const before = openAt('0001_z');
  before.exec(`
    insert into tenants (tenant_id, name, agent_policy, created_at) values ('acme', 'Acme', 'all', '2026');
    insert into identity_bindings values ('bound', 'acme', '2026');
    insert into sessions values ('hers', 'bound', '2026-11-01'), ('of one who is unbound', 'gone', '2026-11-02');
  `);
  migrate(before, (name) => name > '0001_z');
  expect(before.prepare('select * from tenant_sessions').all()).toEqual([
    { tenant_id: 'acme', session_id: 'hers', sender_id: 'bound', created_at: '2026-11-01' },
  ]);
});

it('the release before writes into what it knows, also after a rollback over all migrations', () => {
  const database = openAt('9');
  database.exec(`
    insert into tenants (tenant_id, name, agent_policy, created_at) values ('acme', 'Acme', 'all', '2026');
    insert into sessions values ('s', 'x', '2026');
    insert into tool_effects (tenant_id, idempotency_key, tool, fingerprint, result, created_at) values ('acme', 'k', 't', 'f', '{}', '2026');
  `);
  expect(database.prepare('select tool_policy, approve_writes, limits from tenants').all()).toEqual([
    { tool_policy: 'all', approve_writes: 0, limits: '{}' },
  ]);
  expect(database.prepare('select state from tool_effects').all()).toEqual([{ state: 'done' }]);
});
