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
    await tell(trail, auditing, record, RubotError.from(thrown));
    throw thrown;
  }
}

async function tell(
  trail: AuditTrail,
  auditing: Auditing,
  record: AuditRecord,
  { code, status, operatorDetail }: RubotError,
): Promise<void> {
  const outcome = status < 500 ? 'refused' : 'failed';
  const reason = status < 500 ? operatorDetail : undefined;
  await trail.append(auditing, { ...record, outcome, details: { ...record.details, code, reason } });
}
