import type { RotatingSecret } from '@rubot/config/variable';
import type { AUDIT_OUTCOMES } from '@rubot/contracts/audit';
import { deriveMacKeys, type KeyRing } from '@rubot/keys/derive';
import { createHeadCache, type HeadCache } from './head-cache.ts';
import { createTurns, type Turns } from './turns.ts';

/** Who does something, and in which trace: what is the same for all entries of one request. */
export interface AuditContext {
  readonly actor: string;
  readonly traceId: string;
  /** For the log: what was refused, and could not be put on record. */
  reportLost(record: AuditRecord, error: unknown): void;
}

/** What entries of one request are made with. */
export interface Auditing {
  readonly context: AuditContext;
  readonly keys: KeyRing;
  readonly heads: HeadCache;
  readonly turns: Turns;
}

/** What is said of one thing that was done, or was not. No secrets, and no text that somebody wrote, in `details`. */
export interface AuditRecord {
  /** A tenant, or `*` for what concerns none. */
  readonly chain: string;
  /** Such as `token.issued`. */
  readonly action: string;
  readonly target: string;
  readonly details?: Readonly<Record<string, unknown>>;
  /** `done` when absent. */
  readonly outcome?: AuditOutcome;
}

/** Of something that was not done. */
export interface FailureRecord extends AuditRecord {
  readonly outcome: Exclude<AuditOutcome, 'done'>;
}

export type AuditOutcome = (typeof AUDIT_OUTCOMES)[number];

/** Once for each isolate; what it returns is called for each request. */
export async function importAuditKeys(secret: RotatingSecret): Promise<(context: AuditContext) => Auditing> {
  const keys = await deriveMacKeys(secret, 'audit-heads/v1');
  const heads = createHeadCache();
  const turns = createTurns();
  return (context) => ({ context, keys, heads, turns });
}
