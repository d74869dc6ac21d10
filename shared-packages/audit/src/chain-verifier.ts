import { AuditEntry, type AuditHead, GENESIS_HASH } from '@rubot/contracts/audit';
import { hashEntry } from './hash-entry.ts';

/** Up to where a chain is known: its last entry, or what was noted of it earlier. */
export interface ChainPosition {
  readonly seq: number;
  readonly hash: string;
}

export type ChainFault =
  /** No entry at all. */
  | 'unreadable'
  | 'of_another_chain'
  /** What it says is not what was hashed. */
  | 'changed'
  /** One or more entries before it are gone. */
  | 'missing'
  /** It stands behind an entry with the same number or a higher one. */
  | 'out_of_order'
  /** It does not name the hash of the entry before it. */
  | 'unlinked'
  /** The head was not signed by the middleware, or with a key that it no longer holds. */
  | 'head_changed'
  /** The head knows of later entries. */
  | 'cut_off'
  /** The head does not know of it. */
  | 'beyond_head'
  /** The last entry is another one than the head names. */
  | 'not_the_head';

export interface ChainFinding {
  readonly fault: ChainFault;
  /** Where: the entry's own number, or the first one that is concerned. */
  readonly seq: number;
  readonly message: string;
}

export interface ChainVerifier {
  /** Takes the next entry, in the order of an export, as it was read: what is no entry is a finding too. */
  add(entry: unknown): Promise<readonly ChainFinding[]>;
  /** Compares the end with the head, which has to be read after the entries. */
  finish(head: AuditHead): readonly ChainFinding[];
  /** The last entry that was taken. */
  readonly position: ChainPosition;
}

export interface ChainVerifierOptions {
  readonly chain: string;
  /** Verifies what comes behind an entry that was verified before, and that it still is the one before. */
  readonly from?: ChainPosition;
}

/** Finds entries that were changed, deleted, moved or inserted, with one entry in memory however long the chain is. */
export function createChainVerifier({ chain, from }: ChainVerifierOptions): ChainVerifier {
  let position: ChainPosition = from ?? { seq: 0, hash: GENESIS_HASH };

  return {
    get position() {
      return position;
    },
    async add(line) {
      const parsed = AuditEntry.safeParse(line);
      if (!parsed.success) return [toFinding('unreadable', position.seq + 1)];
      const before = position;
      // Goes on from what the entry says of itself, so that one fault is not told of all entries behind it.
      if (parsed.data.seq > before.seq) position = { seq: parsed.data.seq, hash: parsed.data.hash };
      const faults = [...findMisplacement(chain, before, parsed.data), ...(await findChange(withOwnDetails(parsed.data, line)))];
      return faults.map((fault) => toFinding(fault, fault === 'missing' ? before.seq + 1 : parsed.data.seq));
    },
    finish: (head) => findWrongEnd(chain, position, head).map(([fault, seq]) => toFinding(fault, seq)),
  };
}

function findMisplacement(chain: string, before: ChainPosition, entry: AuditEntry): ChainFault[] {
  const faults: ChainFault[] = [];
  if (entry.chain !== chain) faults.push('of_another_chain');
  if (entry.seq <= before.seq) faults.push('out_of_order');
  else if (entry.seq > before.seq + 1) faults.push('missing');
  else if (entry.prev_hash !== before.hash) faults.push('unlinked');
  return faults;
}

/** As read and not as parsed: a parser leaves out keys such as `__proto__`, and nothing may be added unseen. */
function withOwnDetails(entry: AuditEntry, line: unknown): AuditEntry {
  return { ...entry, details: (line as AuditEntry).details };
}

async function findChange(entry: AuditEntry): Promise<ChainFault[]> {
  const hash = await hashEntry(entry).catch(() => undefined);
  return hash === entry.hash ? [] : ['changed'];
}

function findWrongEnd(chain: string, last: ChainPosition, head: AuditHead): [ChainFault, number][] {
  if (!head.is_authentic) return [['head_changed', head.seq]];
  if (head.chain !== chain) return [['of_another_chain', head.seq]];
  if (last.seq < head.seq) return [['cut_off', last.seq + 1]];
  if (last.seq > head.seq) return [['beyond_head', head.seq + 1]];
  return last.hash === head.hash ? [] : [['not_the_head', last.seq]];
}

function toFinding(fault: ChainFault, seq: number): ChainFinding {
  return { fault, seq, message: MESSAGES[fault](seq) };
}

const MESSAGES: Readonly<Record<ChainFault, (seq: number) => string>> = {
  unreadable: (seq) => `What stands where entry ${seq} should be is no entry.`,
  of_another_chain: (seq) => `Entry ${seq} belongs to another chain.`,
  changed: (seq) => `Entry ${seq} was changed: its hash is not the hash of what it says.`,
  missing: (seq) => `Entries are missing from ${seq} on.`,
  out_of_order: (seq) => `Entry ${seq} stands behind one with the same number or a higher one.`,
  unlinked: (seq) => `Entry ${seq} does not follow the one before it.`,
  head_changed: (seq) => `The head of the chain, at ${seq}, was not signed by a key of the middleware.`,
  cut_off: (seq) => `The chain was cut off: entries are missing from ${seq} on.`,
  beyond_head: (seq) => `Entries from ${seq} on stand behind the end of the chain.`,
  not_the_head: (seq) => `Entry ${seq} is not the one that the head of the chain names.`,
};
