import type { ReencryptReport } from '@rubot/contracts/connections';
import type { MiddlewareDeps } from '../../deps.ts';
import type { Auditing } from '../../store/audit/auditing.ts';
import type { CredentialRow, Resealed } from '../../store/credentials.ts';

/** As many as one request surely has time for. */
const PAGE = 100;

/**
 * Brings a page of what is sealed by the previous key under the current one, and signs the heads of the audit chains anew: when
 * nothing remains, the previous secret can be taken away.
 */
export async function reencryptCredentials({ store, vault }: MiddlewareDeps, auditing: Auditing): Promise<ReencryptReport> {
  const { rows, lostCount } = await store.credentials.readOutdated(vault, PAGE);
  const resealed = (await Promise.all(rows.map((row) => reseal(vault, row)))).filter((done) => done !== undefined);
  const brokenCount = rows.length - resealed.length;
  const { replaced, left } =
    resealed.length === 0 ? { replaced: 0, left: brokenCount } : await store.credentials.replace(auditing, vault, resealed);
  const { signed, unknown } = await store.audit.signHeadsAnew(auditing.keys);
  return {
    reencrypted: replaced,
    remaining: Math.max(0, left - brokenCount),
    unreadable: lostCount + brokenCount,
    audit_heads: { signed, unreadable: unknown.length },
  };
}

/** `undefined` for one that does not open: it was changed, or put in the place of another. */
async function reseal(vault: MiddlewareDeps['vault'], former: CredentialRow): Promise<Resealed | undefined> {
  try {
    return { former, sealed: await vault.close(former, await vault.open(former, former)) };
  } catch {
    return undefined;
  }
}
