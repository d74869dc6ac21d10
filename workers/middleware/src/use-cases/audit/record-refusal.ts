import type { RecordAudit } from '@rubot/contracts/audit';
import { RubotError } from '@rubot/errors';
import canonicalize from 'canonicalize';
import type { Auditing } from '../../store/audit/auditing.ts';
import type { AuditTrail } from '../../store/audit/trail.ts';

/** Reasons, names, ids: nothing that is longer has a place in an entry. */
const MAX_DETAILS_CHARACTERS = 2_000;

/**
 * Writes down what another service refused; what is done, those who do it write down themselves.
 *
 * @returns whether it was written, or was one too many
 * @throws RubotError `invalid_request`
 */
export async function recordRefusal(trail: AuditTrail, auditing: Auditing, { outcome, ...record }: RecordAudit): Promise<boolean> {
  if (outcome === 'done') {
    throw new RubotError('invalid_request', 'What was done is recorded where it is done. Send what was refused or has failed.', {
      param: 'outcome',
    });
  }
  assertFit(record.details);
  return trail.append(auditing, { ...record, outcome });
}

function assertFit(details: unknown): void {
  const length = spell(details)?.length ?? Number.POSITIVE_INFINITY;
  if (length <= MAX_DETAILS_CHARACTERS) return;
  throw new RubotError(
    'invalid_request',
    `Invalid value for 'details': must be whole Unicode, and at most ${MAX_DETAILS_CHARACTERS} characters as JSON.`,
    { param: 'details' },
  );
}

/** `undefined` for what could not be hashed, such as half a surrogate pair. */
function spell(details: unknown): string | undefined {
  try {
    return canonicalize(details);
  } catch {
    return undefined;
  }
}
