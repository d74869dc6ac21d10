import type { Auditing } from '../../store/audit/auditing.ts';
import { isBrokenPrecondition } from '../../store/audit/require-that.ts';
import type { Store } from '../../store/store.ts';
import { auditFailures } from '../audit/audit-failures.ts';
import { noSuchToken } from './list.ts';

/**
 * Ends a token, and with it its handles, the bearers made from it, and the sender it spoke as. Ending it again changes nothing.
 *
 * @returns whether it was this call that ended it
 * @throws RubotError `not_found` for one that this tenant does not have
 */
export async function revokeApiToken(
  { apiTokens, audit }: Pick<Store, 'apiTokens' | 'audit'>,
  auditing: Auditing,
  { tenantId, tokenId }: { readonly tenantId: string; readonly tokenId: string },
): Promise<boolean> {
  return auditFailures(audit, auditing, { chain: tenantId, action: 'token.revoked', target: tokenId }, async () => {
    const token = await apiTokens.find(tenantId, tokenId);
    if (token === undefined) throw noSuchToken(tokenId);
    if (token.revokedAt !== null) return false;
    try {
      await apiTokens.revoke(auditing, token);
      return true;
    } catch (error) {
      // Another was quicker: it is revoked either way.
      if (isBrokenPrecondition(error)) return false;
      throw error;
    }
  });
}
