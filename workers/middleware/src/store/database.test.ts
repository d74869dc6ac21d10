import { RubotError } from '@rubot/errors';
import { describe, expect, it } from 'vitest';
import { type Database, runBatch, type Statement } from './database.ts';

async function failWith(cause: Error): Promise<unknown> {
  const database = { batch: () => Promise.reject(cause) } as unknown as Database;
  return runBatch(database, [{} as Statement]).catch((error: unknown) => error);
}

describe('runBatch', () => {
  it.each([
    ['D1_ERROR: UNIQUE constraint failed: tables.tenant_id, tables.name: SQLITE_CONSTRAINT', 'conflict'],
    ['D1_ERROR: NOT NULL constraint failed: tool_effects.tenant_id: SQLITE_CONSTRAINT', 'conflict'],
    ['D1_ERROR: Network connection lost.', 'unavailable'],
    ['D1_ERROR: D1 DB is overloaded. Requests queued for too long.', 'unavailable'],
    ['D1_ERROR: D1 DB exceeded its CPU time limit and was reset.', 'unavailable'],
    ['D1_ERROR: D1 DB reset because its code was updated.', 'unavailable'],
    ['D1_ERROR: Internal error while starting up D1 DB storage caused object to be reset.', 'unavailable'],
  ])('turns %j into %s', async (message, code) => {
    expect(await failWith(new Error(message))).toMatchObject({ code, retryable: code === 'unavailable' });
  });

  it('leaves a defect of ours what it is', async () => {
    const defect = new Error('D1_ERROR: no such column: cell: SQLITE_ERROR');
    expect(await failWith(defect)).toBe(defect);
    expect(RubotError.from(defect).code).toBe('internal');
  });
});
