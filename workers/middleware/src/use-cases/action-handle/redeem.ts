import type { RedeemActionHandleInternally } from '@rubot/contracts/api-tokens';
import { PLATFORM_CHAIN } from '@rubot/contracts/audit';
import { coversScopes } from '@rubot/contracts/scopes';
import { RubotError } from '@rubot/errors';
import type { RefusalReason } from '../../refusal.ts';
import type { HeldHandle } from '../../store/action-handles.ts';
import type { Auditing } from '../../store/audit/auditing.ts';
import { isBrokenPrecondition } from '../../store/audit/require-that.ts';
import type { Store } from '../../store/store.ts';
import { auditFailures } from '../audit/audit-failures.ts';

/**
 * Lets the holder of a token have a narrower bearer for an action, by the handle that was made for it. Each time is told of, and so is
 * each refusal.
 *
 * @throws RubotError `forbidden`
 */
export async function redeemActionHandle(
  { actionHandles, audit }: Pick<Store, 'actionHandles' | 'audit'>,
  auditing: Auditing,
  asked: RedeemActionHandleInternally,
): Promise<void> {
  const { token_id: tokenId, action_id: actionId, scopes } = asked;
  const { handle, token } = await actionHandles.find({ tokenId, hash: asked.handle_hash });
  const chain = token?.tenantId ?? PLATFORM_CHAIN;
  const record = { chain, action: 'handle.redeemed', target: `${tokenId}/${actionId}`, details: { scopes } };
  await auditFailures(audit, auditing, record, async () => {
    const reason = whyNot({ handle, token }, asked, Date.now());
    if (handle === undefined || reason !== undefined) throw refuse(reason ?? 'handle_unknown');
    await actionHandles.redeem(auditing, record, handle).catch((error: unknown) => {
      throw isBrokenPrecondition(error) ? refuse('token_ended') : error;
    });
  });
}

function whyNot({ handle, token }: HeldHandle, asked: RedeemActionHandleInternally, nowMs: number): RefusalReason | undefined {
  const isOver = ({ expiresAt }: { readonly expiresAt: string }) => Date.parse(expiresAt) <= nowMs;
  if (token === undefined || token.revokedAt !== null || isOver(token)) return 'token_ended';
  if (handle === undefined) return 'handle_unknown';
  if (handle.tokenId !== token.tokenId) return 'handle_of_another_token';
  if (handle.actionId !== asked.action_id) return 'handle_of_another_action';
  if (isOver(handle)) return 'handle_expired';
  if (!coversScopes(handle.scopes, asked.scopes)) return 'scopes_exceed_handle';
  if (!coversScopes(token.scopes, asked.scopes)) return 'scopes_exceed_token';
  return undefined;
}

/** In the same words whatever the reason, so that one who tries handles learns nothing. */
function refuse(operatorDetail: RefusalReason): RubotError {
  return new RubotError('forbidden', 'This handle does not open that with this token, or no longer does. Ask for another one.', {
    operatorDetail,
  });
}
