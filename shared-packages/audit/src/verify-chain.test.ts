import { type AuditEntry, type AuditHead, GENESIS_HASH } from '@rubot/contracts/audit';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hashEntry } from './hash-entry.ts';
import { type ChainReport, verifyChain } from './verify-chain.ts';

const PAGE = 6;

async function makeChain(chain: string, length: number): Promise<AuditEntry[]> {
  const entries: AuditEntry[] = [];
  for (let seq = 1; seq <= length; seq += 1) {
    const entry = {
      chain,
      seq,
      at: '2026-11-21T12:00:00.000Z',
      actor: 'operator',
      action: 'test.made',
      target: `t${seq}`,
      outcome: 'done',
      trace_id: 'ab'.repeat(16),
      details: { n: seq },
      prev_hash: entries.at(-1)?.hash ?? GENESIS_HASH,
    };
    entries.push({ ...entry, hash: await hashEntry(entry) });
  }
  return entries;
}

function headOf(entries: readonly AuditEntry[], fields: Partial<AuditHead> = {}): AuditHead {
  const last = entries.at(-1);
  return { chain: 'acme', seq: last?.seq ?? 0, hash: last?.hash ?? GENESIS_HASH, is_authentic: true, ...fields };
}

/** A file, in the order that it has, as pages. */
function verify(lines: readonly unknown[], head: AuditHead, from?: { seq: number; hash: string }): Promise<ChainReport> {
  let read = 0;
  return verifyChain({
    chain: 'acme',
    source: {
      async readEntries() {
        const page = lines.slice(read, read + PAGE);
        read += page.length;
        return page;
      },
      readHead: async () => head,
    },
    ...(from === undefined ? {} : { from }),
  });
}

const whole = await makeChain('acme', 20);
const faultsOf = async (lines: readonly unknown[], head = headOf(whole)) => (await verify(lines, head)).findings.map(({ fault }) => fault);

describe('verifyChain', () => {
  it('finds nothing in a whole chain, an empty one, and one of a length that is a page', async () => {
    const end = { seq: 20, hash: whole.at(-1)?.hash };
    expect(await verify(whole, headOf(whole))).toEqual({ findings: [], leftOut: 0, entries: 20, end });
    expect(await verify([], headOf([]))).toMatchObject({ findings: [], entries: 0 });
    expect(await verify(whole.slice(0, PAGE), headOf(whole.slice(0, PAGE)))).toMatchObject({ findings: [], entries: PAGE });
  });

  it('finds any two entries that were exchanged', async () => {
    for (const [left] of whole.entries()) {
      for (let right = left + 1; right < whole.length; right += 1) {
        const turned = whole.with(left, whole[right]!).with(right, whole[left]!);
        expect(await faultsOf(turned), `${left} and ${right}`).toContain('out_of_order');
        const renumbered = turned.map((entry, index) => ({ ...entry, seq: index + 1 }));
        expect(await faultsOf(renumbered)).toContain('changed');
      }
    }
  });

  it('finds any entries that were left out', async () => {
    const chosen = fc.subarray([...whole.keys()], { minLength: 1 });
    await fc.assert(
      fc.asyncProperty(chosen, async (gone) => {
        const left = whole.filter((_, index) => !gone.includes(index));
        expect(await faultsOf(left)).not.toEqual([]);
        const closed = left.map((entry, index) => ({ ...entry, seq: index + 1 }));
        expect(await faultsOf(closed)).not.toEqual([]);
      }),
    );
  });

  it('finds an entry that stands there twice, is another chain’s, or is none', async () => {
    const other = await makeChain('other', 20);
    for (const index of whole.keys()) {
      expect(await faultsOf(whole.toSpliced(index, 0, whole[index]!))).toEqual(['out_of_order']);
      expect(await faultsOf(whole.with(index, other[index]!))).toContain('of_another_chain');
      expect(await faultsOf(whole.with(index, { ...other[index]!, chain: 'acme' }))).toContain('changed');
      for (const junk of ['{', null, [], { seq: 1 }])
        expect(await faultsOf(whole.toSpliced(index, 0, junk as never))).toEqual(['unreadable']);
    }
  });

  it('finds what was added under a name that parsers leave out', async () => {
    const line = JSON.stringify(whole[3]).replace('"details":{', '"details":{"__proto__":{"n":9},');
    expect(await faultsOf(whole.with(3, JSON.parse(line)))).toEqual(['changed']);
  });

  it.each([
    [{ is_authentic: false }, 'head_changed'],
    [{ chain: 'other' }, 'of_another_chain'],
    [{ seq: 21 }, 'cut_off'],
    [{ seq: 19 }, 'beyond_head'],
    [{ hash: GENESIS_HASH }, 'not_the_head'],
  ])('finds a head with %j', async (fields, fault) => {
    expect(await faultsOf(whole, headOf(whole, fields))).toEqual([fault]);
  });

  it('reads on, when entries came while it read', async () => {
    const heads = [headOf(whole.slice(0, 15)), headOf(whole)];
    const reports = verifyChain({
      chain: 'acme',
      source: {
        readEntries: async (after) => whole.slice(0, heads.length === 2 ? 12 : 20).filter((entry) => entry.seq > after),
        readHead: async () => heads.shift() ?? headOf(whole),
      },
    });
    expect(await reports).toMatchObject({ findings: [], entries: 20 });
  });

  it('goes on from an end that was noted, and finds that it is no longer part of the chain', async () => {
    const noted = { seq: 10, hash: whole[9]!.hash };
    expect(await verify(whole.slice(10), headOf(whole), noted)).toMatchObject({ findings: [], entries: 10 });
    const forged = await verify(whole.slice(10), headOf(whole), { ...noted, hash: whole[8]!.hash });
    expect(forged.findings).toMatchObject([{ fault: 'unlinked', seq: 11 }]);
    expect((await verify([], headOf(whole.slice(0, 8)), noted)).findings).toMatchObject([{ fault: 'beyond_head' }]);
  });

  it('tells a hundred faults, and how many more there are', async () => {
    const junk = Array.from({ length: 250 }, (_, index) => ({ ...whole[0]!, seq: index + 1 }));
    const report = await verify(junk, headOf(whole));
    expect(report.findings).toHaveLength(100);
    expect(report.leftOut).toBeGreaterThan(100);
  });
});
