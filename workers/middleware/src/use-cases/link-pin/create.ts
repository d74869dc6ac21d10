import type { CreatedLinkPin } from '@rubot/contracts/link-pins';
import { RubotError } from '@rubot/errors';
import { makeMac, makeMacs } from '@rubot/keys/mac';
import type { MiddlewareDeps } from '../../deps.ts';
import type { Auditing } from '../../store/audit/auditing.ts';
import { auditFailures } from '../audit/audit-failures.ts';
import { assertNoTokenSender } from '../identity-binding/token-sender.ts';
import { drawPin } from './draw-pin.ts';

/** Of a million PINs few are open, so that two draws in a row that are taken are rare, and these many a sign of something else. */
const MAX_DRAWS = 10;

export interface LinkPinRequest {
  readonly tenantId: string;
  /** The only sender that may use it. */
  readonly senderId: string | undefined;
}

/** @throws RubotError `not_found` for an unknown tenant, `rate_limited` for a tenant that has made too many today */
export async function createLinkPin(deps: MiddlewareDeps, auditing: Auditing, request: LinkPinRequest): Promise<CreatedLinkPin> {
  if (request.senderId !== undefined) assertNoTokenSender(request.senderId);
  const record = { chain: request.tenantId, action: 'link_pin.created', target: request.senderId ?? 'any sender' };
  return auditFailures(deps.store.audit, auditing, record, async () => {
    for (let draw = 0; draw < MAX_DRAWS; draw += 1) {
      const created = await tryToCreate(deps, auditing, request);
      if (created !== undefined) return created;
    }
    throw new RubotError('unavailable', 'No PIN is free right now. Try again in a minute.', { retryAfterMs: 60_000 });
  });
}

/** `undefined` when the PIN that was drawn is taken. */
async function tryToCreate(
  { store, linkPinKeys }: MiddlewareDeps,
  auditing: Auditing,
  { tenantId, senderId }: LinkPinRequest,
): Promise<CreatedLinkPin | undefined> {
  const pin = drawPin();
  const [mac, macs] = await Promise.all([makeMac(linkPinKeys, pin), makeMacs(linkPinKeys, pin)]);
  const creation = await store.linkPins.create(auditing, { tenantId, senderId, mac, macs });
  switch (creation.status) {
    case 'created':
      return { pin, tenant_id: tenantId, expires_at: creation.expiresAt };
    case 'taken':
      return undefined;
    case 'no_tenant':
      throw new RubotError('not_found', `There is no tenant ${tenantId}. List the tenants to see which there are.`, { param: 'tenant' });
    case 'too_many':
      // Not to be retried by itself: that may be hours away.
      throw new RubotError('rate_limited', 'This tenant has made too many PINs in 24 hours. Bind the sender by its id, or wait.', {
        retryAfterMs: creation.retryAfterMs,
        retryable: false,
      });
  }
}
