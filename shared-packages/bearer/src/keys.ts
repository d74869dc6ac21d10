import type { RotatingSecret } from '@rubot/config/variable';
import { ACTION_AUDIENCE, GRANT_AUDIENCE, MIDDLEWARE_AUDIENCE } from '@rubot/contracts/bearer';
import { deriveMacKeys, type KeyRing } from '@rubot/keys/derive';

/** Who a token is made for. */
export type BearerAudience = typeof MIDDLEWARE_AUDIENCE | typeof GRANT_AUDIENCE | typeof ACTION_AUDIENCE;

/** Keys of their own for each audience: a token for one cannot be made to pass for another, whatever its claims say. */
export type BearerKeys = Readonly<Record<BearerAudience, KeyRing>>;

export async function importBearerKeys(secret: RotatingSecret): Promise<BearerKeys> {
  const [data, grant, action] = await Promise.all([
    deriveRing(secret, MIDDLEWARE_AUDIENCE),
    deriveRing(secret, GRANT_AUDIENCE),
    deriveRing(secret, ACTION_AUDIENCE),
  ]);
  return { [MIDDLEWARE_AUDIENCE]: data, [GRANT_AUDIENCE]: grant, [ACTION_AUDIENCE]: action };
}

function deriveRing(secret: RotatingSecret, audience: BearerAudience): Promise<KeyRing> {
  return deriveMacKeys(secret, `bearer/${audience}/v1`);
}
