import { LINK_PIN_TTL_SECONDS } from '@rubot/contracts/link-pins';
import type { Mac } from '@rubot/keys/mac';
import { and, asc, count, eq, exists, gt, lt, min, not, type SQL, sql } from 'drizzle-orm';
import { commitAudited } from './audit/append-entry.ts';
import type { Auditing } from './audit/auditing.ts';
import { requireThat } from './audit/require-that.ts';
import { type Database, isConflict, runBatch, type Statement } from './database.ts';
import { hasMac, isFor, isOpen } from './link-pin-conditions.ts';
import { createLinkPinTries, type LinkPinTries } from './link-pin-tries.ts';
import { identityBindings, linkPins, tenants } from './schema.ts';

export interface NewLinkPin {
  readonly tenantId: string;
  /** The only sender that may use it. */
  readonly senderId: string | undefined;
  /** Under the current key. */
  readonly mac: Mac;
  /** Under each key that is held: no other PIN that is open has one of them. */
  readonly macs: readonly Mac[];
}

export type LinkPinCreation =
  | { readonly status: 'created'; readonly pinId: string; readonly expiresAt: string }
  /** The same six digits are open already: draw others. */
  | { readonly status: 'taken' }
  | { readonly status: 'no_tenant' }
  | { readonly status: 'too_many'; readonly retryAfterMs: number };

/** A PIN that was found open, for a sender that is bound nowhere. */
export interface LinkPinUse {
  readonly pinId: string;
  readonly tenantId: string;
  readonly senderId: string;
}

export interface LinkPinStore extends LinkPinTries {
  create(auditing: Auditing, pin: NewLinkPin): Promise<LinkPinCreation>;
  /** Uses it up and binds the sender; `false` when something else was quicker, with the one or the other. */
  use(auditing: Auditing, use: LinkPinUse): Promise<boolean>;
}

const MAX_PINS_PER_DAY = 20;
const DAY_MS = 86_400_000;
/** Each new PIN removes a few that count for nothing any more. */
const PRUNED_PER_PIN = 20;

export function createLinkPinStore(database: Database): LinkPinStore {
  return {
    ...createLinkPinTries(database),
    async create(auditing, { tenantId, senderId, mac, macs }) {
      const nowMs = Date.now();
      const expiresAt = new Date(nowMs + LINK_PIN_TTL_SECONDS * 1_000).toISOString();
      const pinId = `pin_${crypto.randomUUID().replaceAll('-', '')}`;
      const isTaken = exists(selectOpen(database, nowMs, hasMac(macs)));
      const created = { ...mac, pinId, tenantId, senderId: senderId ?? null, createdBy: auditing.context.actor, expiresAt };
      const details = { expires_at: expiresAt, ...(senderId === undefined ? {} : { sender_id: senderId }) };
      try {
        await commitAudited(database, auditing, { chain: tenantId, action: 'link_pin.created', target: pinId, details }, [
          requireThat(database, not(isTaken)),
          requireThat(database, sql`${selectCountOfDay(database, tenantId, nowMs)} < ${MAX_PINS_PER_DAY}`),
          database.insert(linkPins).values({ ...created, createdAt: new Date(nowMs).toISOString() }),
          prunePins(database, nowMs),
        ]);
        return { status: 'created', pinId, expiresAt };
      } catch (error) {
        if (!isConflict(error)) throw error;
        return explainRefusal(database, tenantId, nowMs);
      }
    },
    async use(auditing, { pinId, tenantId, senderId }) {
      const nowMs = Date.now();
      const usedAt = new Date(nowMs).toISOString();
      const isIt = and(eq(linkPins.pinId, pinId), isFor(senderId));
      try {
        await commitAudited(
          database,
          auditing,
          { chain: tenantId, action: 'link_pin.used', target: senderId, details: { pin_id: pinId } },
          [
            requireThat(database, exists(selectOpen(database, nowMs, isIt))),
            database.update(linkPins).set({ usedAt, usedBy: senderId }).where(isIt),
            database.insert(identityBindings).values({ senderId, tenantId, createdAt: usedAt }),
          ],
        );
        return true;
      } catch (error) {
        if (isConflict(error)) return false;
        throw error;
      }
    },
  };
}

async function explainRefusal(database: Database, tenantId: string, nowMs: number): Promise<LinkPinCreation> {
  const [[tenant], [ofDay]] = await runBatch(database, [
    database.select({ tenantId: tenants.tenantId }).from(tenants).where(eq(tenants.tenantId, tenantId)),
    database
      .select({ pins: count(), first: min(linkPins.createdAt) })
      .from(linkPins)
      .where(isOfDay(tenantId, nowMs)),
  ]);
  if (tenant === undefined) return { status: 'no_tenant' };
  if (ofDay === undefined || ofDay.first === null || ofDay.pins < MAX_PINS_PER_DAY) return { status: 'taken' };
  return { status: 'too_many', retryAfterMs: Math.max(1, Date.parse(ofDay.first) + DAY_MS - nowMs) };
}

function selectOpen(database: Database, nowMs: number, condition: SQL | undefined) {
  return database
    .select({ pinId: linkPins.pinId })
    .from(linkPins)
    .where(and(isOpen(nowMs), condition));
}

function selectCountOfDay(database: Database, tenantId: string, nowMs: number) {
  return database.select({ pins: count() }).from(linkPins).where(isOfDay(tenantId, nowMs));
}

function isOfDay(tenantId: string, nowMs: number): SQL | undefined {
  return and(eq(linkPins.tenantId, tenantId), gt(linkPins.createdAt, new Date(nowMs - DAY_MS).toISOString()));
}

/** By their end, which is minutes after their beginning: those of the last day are still counted. */
function prunePins(database: Database, nowMs: number): Statement {
  const outdated = database
    .select({ pinId: linkPins.pinId })
    .from(linkPins)
    .where(lt(linkPins.expiresAt, new Date(nowMs - DAY_MS).toISOString()))
    .orderBy(asc(linkPins.expiresAt))
    .limit(PRUNED_PER_PIN);
  return database.delete(linkPins).where(sql`${linkPins.pinId} in ${outdated}`);
}
