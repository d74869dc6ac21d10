import { LINK_PIN_MAX_WRONG_TRIES } from '@rubot/contracts/link-pins';
import type { Mac } from '@rubot/keys/mac';
import { and, eq, gt, inArray, isNull, lt, or, type SQL } from 'drizzle-orm';
import { linkPins } from './schema.ts';

/** Neither used, nor burned, nor expired. */
export function isOpen(nowMs: number): SQL | undefined {
  return and(isNull(linkPins.usedAt), lt(linkPins.wrongTries, LINK_PIN_MAX_WRONG_TRIES), isUnexpired(nowMs));
}

export function isUnexpired(nowMs: number): SQL {
  return gt(linkPins.expiresAt, new Date(nowMs).toISOString());
}

export function isFor(senderId: string): SQL | undefined {
  return or(isNull(linkPins.senderId), eq(linkPins.senderId, senderId));
}

/** @param macs of the same six digits, under each key that is held */
export function hasMac(macs: readonly Mac[]): SQL {
  return inArray(
    linkPins.mac,
    macs.map(({ mac }) => mac),
  );
}
