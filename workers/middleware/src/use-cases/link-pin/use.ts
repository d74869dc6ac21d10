import { PLATFORM_CHAIN } from '@rubot/contracts/audit';
import type { UseLinkPinInternally, UseLinkPinResponse } from '@rubot/contracts/link-pins';
import { RubotError } from '@rubot/errors';
import { makeMacs } from '@rubot/keys/mac';
import type { MiddlewareDeps } from '../../deps.ts';
import type { Auditing } from '../../store/audit/auditing.ts';
import type { LinkPinTrial } from '../../store/link-pin-tries.ts';
import type { Store } from '../../store/store.ts';
import { assertNoTokenSender } from '../identity-binding/token-sender.ts';

/** After each loss something is different: the PIN is used up, or the sender is bound. */
const MAX_LOSSES = 3;

/** Binds the sender to the tenant of the PIN. Who repeats what has succeeded is told so again, as the first answer may have been lost. */
export async function useLinkPin(
  { store, linkPinKeys }: MiddlewareDeps,
  auditing: Auditing,
  { pin, sender_id: senderId }: UseLinkPinInternally,
): Promise<UseLinkPinResponse> {
  assertNoTokenSender(senderId);
  const macs = await makeMacs(linkPinKeys, pin);
  for (let losses = 0; losses < MAX_LOSSES; losses += 1) {
    const trial = await store.linkPins.judge({ senderId, macs });
    const answer =
      trial.status === 'right' ? await settleRight(store, auditing, senderId, trial) : await settleWrong(store, auditing, senderId, trial);
    if (answer !== undefined) return answer;
  }
  throw new RubotError('unavailable', 'Too many are using this PIN at once. Try again in a moment.', { retryAfterMs: 1_000 });
}

type RightTrial = Extract<LinkPinTrial, { status: 'right' }>;
type WrongTrial = Exclude<LinkPinTrial, RightTrial>;

/** `undefined` when something else was quicker. */
async function settleRight(
  store: Store,
  auditing: Auditing,
  senderId: string,
  { pin, boundTenantId }: RightTrial,
): Promise<UseLinkPinResponse | undefined> {
  const linked = { status: 'linked', tenant_id: pin.tenantId, tenant_name: pin.tenantName } as const;
  const isOwn = pin.usedBy === senderId && boundTenantId === pin.tenantId;
  const refuse = (reason: string) =>
    store.audit.append(auditing, {
      chain: pin.tenantId,
      action: 'link_pin.used',
      target: senderId,
      outcome: 'refused',
      details: { reason, pin_id: pin.pinId },
    });
  if (isOwn) return linked;
  if (!pin.isOpen) {
    await refuse('spent');
    return { status: 'refused' };
  }
  // It stays open: who is linked already needs none.
  if (boundTenantId === pin.tenantId) return linked;
  if (boundTenantId !== undefined) {
    await refuse('linked_elsewhere');
    return { status: 'linked_elsewhere' };
  }
  const isUsed = await store.linkPins.use(auditing, { pinId: pin.pinId, tenantId: pin.tenantId, senderId });
  return isUsed ? linked : undefined;
}

async function settleWrong(store: Store, auditing: Auditing, senderId: string, trial: WrongTrial): Promise<UseLinkPinResponse> {
  if (trial.status === 'wrong') {
    await store.linkPins.tellWrong(auditing, senderId, trial.burned);
    return { status: 'refused' };
  }
  await store.audit.append(auditing, {
    chain: PLATFORM_CHAIN,
    action: 'link_pin.used',
    target: senderId,
    outcome: 'refused',
    details: { reason: 'too_many_tries' },
  });
  return { status: 'too_many_tries', retry_after_seconds: Math.ceil(trial.retryAfterMs / 1_000) };
}
