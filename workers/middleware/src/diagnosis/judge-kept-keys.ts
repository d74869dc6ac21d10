import type { Finding } from '@rubot/contracts/diagnosis';
import { ok, problem, warning } from '@rubot/diagnosis/finding';
import type { KeyRing } from '@rubot/keys/derive';
import type { KeyUse } from '../store/diagnosis.ts';

/** What was made with keys of ENCRYPTION_SECRET, and is needed for as long as it is kept. */
export interface KeptToJudge {
  /** Such as `credentials of providers`. */
  readonly what: string;
  readonly ring: KeyRing;
  readonly use: readonly KeyUse[];
  readonly breaks: string;
}

/** Whether all that is kept can still be opened: the secret of a database is its own, so there is no one to compare it with. */
export function judgeKeptKeys({ what, ring, use, breaks }: KeptToJudge): Finding {
  const looked = { check: 'encryption', subject: 'middleware → D1' };
  const sum = (isMeant: (keyId: string) => boolean) => use.reduce((total, { keyId, count }) => total + (isMeant(keyId) ? count : 0), 0);
  const lost = sum((keyId) => !ring.byKeyId.has(keyId));
  if (lost > 0) {
    return problem(
      looked,
      `${lost} ${what} were made with an ENCRYPTION_SECRET that the middleware does not hold`,
      `${breaks} Bring the former value back as ENCRYPTION_SECRET_PREVIOUS, then run: rubot credentials reencrypt`,
    );
  }
  const former = sum((keyId) => keyId !== ring.current.keyId);
  if (former === 0) return ok(looked, `all ${sum(() => true)} ${what} are under the current ENCRYPTION_SECRET`);
  return warning(
    looked,
    `${former} ${what} are still under ENCRYPTION_SECRET_PREVIOUS`,
    `${breaks.replace(/\.$/, '')} as soon as that is unset. Before, run: rubot credentials reencrypt`,
  );
}
