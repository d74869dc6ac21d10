import { RubotError } from '@rubot/errors';
import type { Auditing, AuditRecord } from '../../store/audit/auditing.ts';
import type { AuditTrail } from '../../store/audit/trail.ts';

/** Makes a change that tells of itself when it is done, and tells of it when it is not. */
export async function auditFailures<Result>(
  trail: AuditTrail,
  auditing: Auditing,
  record: AuditRecord,
  change: () => Promise<Result>,
): Promise<Result> {
  try {
    return await change();
  } catch (thrown) {
    const { code, status } = RubotError.from(thrown);
    const outcome = status < 500 ? 'refused' : 'failed';
    // Where the database is what failed, this fails too; the caller, and the log, are told of the first failure.
    await trail.append(auditing, { ...record, outcome, details: { ...record.details, code } }).catch(() => undefined);
    throw thrown;
  }
}
