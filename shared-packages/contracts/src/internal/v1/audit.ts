import { z } from 'zod';

/** The chain of what concerns no tenant, or one that is not known. */
export const PLATFORM_CHAIN = '*';

/** What `prev_hash` of the first entry of a chain is. */
export const GENESIS_HASH = '0'.repeat(64);

/** Who did it: `operator`, `gateway`, `chat_source`, `token:tok_…`, `sender:…`. */
export const AuditActor = z.string().regex(/^[\x21-\x7e]{1,200}$/);

export const AUDIT_OUTCOMES = ['done', 'refused', 'failed'] as const;

/**
 * One line of an export. `hash` is the SHA-256, in hex, over the RFC 8785 spelling of the entry without `hash`; `prev_hash` is
 * that of the entry before, so that none can be changed, left out or moved without all behind it being wrong.
 */
export const AuditEntry = z.object({
  chain: z.string(),
  seq: z.number().int().min(1),
  at: z.string(),
  actor: z.string(),
  /** Such as `token.issued`. */
  action: z.string(),
  target: z.string(),
  outcome: z.string(),
  trace_id: z.string(),
  details: z.record(z.string(), z.unknown()),
  prev_hash: z.string(),
  hash: z.string(),
});
export type AuditEntry = z.infer<typeof AuditEntry>;

/** `GET /admin/tenants/:tenant/audit/head`: where the chain ends, as kept beside it under a key. `seq` 0: there is no entry. */
export const AuditHead = z.looseObject({
  chain: z.string(),
  seq: z.number().int(),
  hash: z.string(),
  /** Whether the code over it is right: if not, the head itself was changed. */
  is_authentic: z.boolean(),
});
export type AuditHead = z.infer<typeof AuditHead>;

/** `GET /admin/tenants/:tenant/audit?after_seq=&limit=`: NDJSON, an `AuditEntry` a line. */
export const ReadAuditQuery = z.object({
  after_seq: z.coerce.number().int().min(0).default(0),
  limit: z.coerce.number().int().min(1).max(1_000).default(500),
});
export type ReadAuditQuery = z.infer<typeof ReadAuditQuery>;

/** `POST /internal/audit` at the middleware: what the gateway refused. */
export const RecordAudit = z.object({
  /** A tenant, or the platform's chain where none is known. */
  chain: z.string().min(1).max(64),
  action: z.string().regex(/^[a-z_]+(?:\.[a-z_]+)+$/),
  target: z.string().max(300),
  outcome: z.enum(AUDIT_OUTCOMES),
  details: z.record(z.string(), z.unknown()).default({}),
});
export type RecordAudit = z.infer<typeof RecordAudit>;
