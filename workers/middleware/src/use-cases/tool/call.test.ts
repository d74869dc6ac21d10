import { RubotError } from '@rubot/errors';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineWriteTool } from '../../providers/provider.ts';
import type { Database } from '../../store/database.ts';
import type { TenantData, ToolEffect } from '../../store/tenant-data.ts';
import { callWriteTool } from './call.ts';

const tool = defineWriteTool({
  name: 'note_write',
  description: 'Writes a note.',
  input: z.strictObject({ text: z.string() }),
  plan: async (_data, { text }) => ({ result: { written: text.length }, statements: () => [], conflictMessage: 'There is such a note.' }),
});

interface FakeDataOptions {
  /** Thrown after, or instead of, the commit. */
  readonly failure?: RubotError;
  readonly commits?: boolean;
}

function createFakeData({ failure, commits = true }: FakeDataOptions = {}): TenantData {
  const effects = new Map<string, ToolEffect>();
  return {
    tenantId: 'acme',
    read: () => Promise.reject(new Error('not part of this test')),
    assertBound: () => Promise.resolve(),
    async commit(build) {
      const { idempotencyKey, ...effect } = build({} as Database);
      if (commits) effects.set(idempotencyKey, { ...effect, state: 'done', createdAt: new Date().toISOString() });
      if (failure !== undefined) throw failure;
    },
    beginEffect: () => Promise.reject(new Error('not part of this test')),
    settleEffect: () => Promise.reject(new Error('not part of this test')),
    findEffect: async (idempotencyKey) => effects.get(idempotencyKey),
  };
}

const call = { tool, input: { text: 'hello' }, idempotencyKey: 'run/slice/1' };

describe('callWriteTool', () => {
  it('answers with the effect when only the answer of the database was lost', async () => {
    const data = createFakeData({ failure: new RubotError('unavailable', 'The database cannot answer right now.') });
    expect(await callWriteTool(data, call)).toEqual({ result: { written: 5 }, isReplay: true });
  });

  it('fails as the database did when nothing was committed', async () => {
    const failure = new RubotError('unavailable', 'The database cannot answer right now.');
    await expect(callWriteTool(createFakeData({ failure, commits: false }), call)).rejects.toBe(failure);
  });

  it("says in the tool's words what a constraint refused", async () => {
    const failure = new RubotError('conflict', 'Something else changed the same data first.');
    const refused = callWriteTool(createFakeData({ failure, commits: false }), call);
    await expect(refused).rejects.toMatchObject({ code: 'conflict', message: 'There is such a note.' });
  });

  it.each([
    ['half a surrogate pair', { text: '\ud800' }],
    ['a number beyond all numbers', { text: Number.POSITIVE_INFINITY }],
  ])('refuses %s, which no fingerprint can tell', async (_name, input) => {
    await expect(callWriteTool(createFakeData(), { ...call, input })).rejects.toMatchObject({ code: 'invalid_request' });
  });
});
