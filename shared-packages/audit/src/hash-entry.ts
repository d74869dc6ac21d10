import type { AuditEntry } from '@rubot/contracts/audit';
import { hashText } from '@rubot/contracts/hash';
import canonicalize from 'canonicalize';

export type UnhashedEntry = Omit<AuditEntry, 'hash'>;

/**
 * SHA-256, in hex, over the RFC 8785 spelling of an entry without its hash.
 *
 * @throws Error for what has no such spelling: half a surrogate pair, a number out of range
 */
export async function hashEntry(entry: UnhashedEntry): Promise<string> {
  const { chain, seq, at, actor, action, target, outcome, trace_id, details, prev_hash } = entry;
  const spelling = canonicalize({ chain, seq, at, actor, action, target, outcome, trace_id, details, prev_hash });
  return hashText(spelling ?? '');
}
