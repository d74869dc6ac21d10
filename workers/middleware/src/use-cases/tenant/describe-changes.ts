import canonicalize from 'canonicalize';
import type { TenantState } from '../../store/tenants.ts';

/** What was, and what is instead; of a list, only the entries that the other one does not have. */
interface Change {
  readonly from: unknown;
  readonly to: unknown;
}

/** By the name of the field; empty when the two states are one. What its name was is not told: it is text that somebody wrote. */
export type TenantChanges = Readonly<Record<string, Change | true>>;

const COMPARED = ['agent_policy', 'agents', 'tool_policy', 'tools', 'approve_writes', 'limits'] as const;

export function describeChanges(before: TenantState | undefined, after: TenantState): TenantChanges {
  const changes: Record<string, Change | true> = {};
  if (before?.name !== after.name) changes['name'] = true;
  for (const field of COMPARED) {
    const [from, to] = [before?.[field], after[field]];
    if (spell(from) !== spell(to)) changes[field] = toChange(from, to);
  }
  return changes;
}

function toChange(from: unknown, to: unknown): Change {
  if (!Array.isArray(from) || !Array.isArray(to)) return { from: from ?? null, to };
  return { from: without(from, to), to: without(to, from) };
}

function without(entries: readonly unknown[], others: readonly unknown[]): readonly unknown[] {
  const known = new Set(others.map(spell));
  return entries.filter((entry) => !known.has(spell(entry)));
}

/** One text for one value, whatever the order of its keys. */
function spell(value: unknown): string | undefined {
  return canonicalize(value);
}
