import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createGroupCommit } from './group-commit.ts';

interface Write {
  readonly group: readonly string[];
  finish(): void;
  fail(reason: Error): void;
}

const REFUSED = new Error('refused');

/** A commit whose writes end when the test says so; each item's result is the item in capitals. */
function startCommit() {
  const writes: Write[] = [];
  const commit = createGroupCommit<string, string>({
    flush(group) {
      const { promise, resolve, reject } = Promise.withResolvers<readonly string[]>();
      writes.push({ group, finish: () => resolve(group.map((item) => item.toUpperCase())), fail: reject });
      return promise;
    },
    keyOf: (item) => item.slice(0, 1),
    wasRefused: (thrown) => thrown === REFUSED,
  });
  return { commit, writes };
}

describe('a group commit', () => {
  it('writes at once what comes alone, and together what comes while two writes are under way', async () => {
    const { commit, writes } = startCommit();
    const results: Promise<string>[] = [];
    for (const item of ['a', 'b']) {
      results.push(commit.submit(item));
      await nextTurn();
    }
    for (const item of ['c', 'd', 'e']) results.push(commit.submit(item));
    await nextTurn();
    expect(writes.map(({ group }) => group)).toEqual([['a'], ['b']]);
    writes[0]?.finish();
    await results[0];
    await nextTurn();
    expect(writes[2]?.group).toEqual(['c', 'd', 'e']);
    writes[1]?.finish();
    writes[2]?.finish();
    expect(await Promise.all(results)).toEqual(['A', 'B', 'C', 'D', 'E']);
  });

  it('has no two items of one key in a group, and keeps their order', async () => {
    const { commit, writes } = startCommit();
    const results = ['a1', 'b1', 'a2'].map((item) => commit.submit(item));
    await nextTurn();
    expect(writes.map(({ group }) => group)).toEqual([['a1', 'b1'], ['a2']]);
    for (const write of writes) write.finish();
    expect(await Promise.all(results)).toEqual(['A1', 'B1', 'A2']);
  });

  it('writes one by one a group that was refused, so that one bad item costs the others nothing', async () => {
    const { commit, writes } = startCommit();
    const results = Promise.allSettled(['a', 'b', 'c'].map((item) => commit.submit(item)));
    await nextTurn();
    writes[0]?.fail(REFUSED);
    for (const [index, item] of ['a', 'b', 'c'].entries()) {
      await nextTurn();
      expect(writes[index + 1]?.group).toEqual([item]);
      if (item === 'b') writes[index + 1]?.fail(REFUSED);
      else writes[index + 1]?.finish();
    }
    expect((await results).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  });

  it('writes nothing again of which nobody knows whether it was written', async () => {
    const { commit, writes } = startCommit();
    const results = Promise.allSettled(['a', 'b'].map((item) => commit.submit(item)));
    await nextTurn();
    writes[0]?.fail(new Error('connection lost'));
    expect((await results).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(writes).toHaveLength(1);
  });
});
