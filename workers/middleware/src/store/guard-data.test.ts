import { describe, expect, it } from 'vitest';
import { refuseTool } from '../refusal.ts';
import { type Database, openDatabase, type Statement } from './database.ts';
import { guardData } from './guard-data.ts';
import type { TenantData } from './tenant-data.ts';

/** Never asked: it only lends its statements a shape. */
const database: Database = openDatabase({} as Parameters<typeof openDatabase>[0]);

/** Data that answers every statement with one row, and notes what is done with it. */
function createFakeData() {
  const done: string[] = [];
  const note = (what: string) => async () => void done.push(what);
  const data: TenantData = {
    tenantId: 'acme',
    async read(build) {
      const statements = build(database);
      done.push(`read ${statements.length}`);
      return statements.map((_statement, index) => [{ row: index }]) as never;
    },
    commit: note('commit'),
    beginEffect: note('begin'),
    settleEffect: note('settle'),
    assertBound: note('bound'),
    findEffect: async () => {
      done.push('find');
      return undefined;
    },
  };
  return { data, done };
}

const call = { idempotencyKey: 'key', tool: 'notes_write', fingerprint: 'f' };
const statement = {} as Statement;

const USES: readonly (readonly [string, (data: TenantData) => Promise<unknown>])[] = [
  ['read', (data) => data.read(() => [statement])],
  ['commit', (data) => data.commit(() => ({ ...call, result: null, statements: [] }))],
  ['beginEffect', (data) => data.beginEffect(call)],
  ['findEffect', (data) => data.findEffect('key')],
  ['assertBound', (data) => data.assertBound()],
];

describe('guarded data', () => {
  it.each(USES)('gives and does nothing by %s where the tool is not open, and asks each time', async (_name, use) => {
    const { data, done } = createFakeData();
    const guarded = guardData(data, 'notes_write', () => {
      throw refuseTool('notes_write');
    });
    for (let round = 0; round < 2; round += 1) await expect(use(guarded)).rejects.toMatchObject({ code: 'forbidden' });
    expect(done.filter((what) => !what.startsWith('read'))).toEqual([]);
  });

  it('asks in the round trip of the first read, leaves its rows alone, and asks no more', async () => {
    const { data, done } = createFakeData();
    const judged: unknown[] = [];
    const guarded = guardData(data, 'notes_write', (rows) => judged.push(rows));
    expect(await guarded.read(() => [statement, statement])).toEqual([[{ row: 1 }], [{ row: 2 }]]);
    expect(await guarded.read(() => [statement])).toEqual([[{ row: 0 }]]);
    await guarded.commit(() => ({ ...call, result: null, statements: [] }));
    await guarded.findEffect('key');
    await guarded.assertBound();
    expect(judged).toEqual([[{ row: 0 }]]);
    expect(done).toEqual(['read 3', 'read 1', 'commit', 'find']);
  });

  it('lets what has happened elsewhere be settled, whatever has become of the tool', async () => {
    const { data, done } = createFakeData();
    const guarded = guardData(data, 'notes_write', () => {
      throw refuseTool('notes_write');
    });
    await guarded.settleEffect(call, { outcome: 'unknown' });
    expect(done).toEqual(['settle']);
  });
});
