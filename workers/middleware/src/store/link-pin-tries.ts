import { PLATFORM_CHAIN } from '@rubot/contracts/audit';
import { LINK_PIN_MAX_WRONG_TRIES } from '@rubot/contracts/link-pins';
import type { Mac } from '@rubot/keys/mac';
import { and, asc, count, desc, eq, gt, lt, min, type SQL, sql } from 'drizzle-orm';
import { commitAudited } from './audit/append-entry.ts';
import type { Auditing, AuditRecord } from './audit/auditing.ts';
import { type Database, runBatch, type Statement } from './database.ts';
import { hasMac, isFor, isOpen, isUnexpired } from './link-pin-conditions.ts';
import { identityBindings, linkPins, tenants, wrongPinTries } from './schema.ts';

export interface LinkPinTry {
  readonly senderId: string;
  /** Of what was sent, under each key that is held. */
  readonly macs: readonly Mac[];
}

export interface MatchedPin {
  readonly pinId: string;
  readonly tenantId: string;
  readonly tenantName: string;
  readonly isOpen: boolean;
  readonly usedBy: string | null;
}

export interface BurnedPin {
  readonly pinId: string;
  readonly tenantId: string;
}

export type LinkPinTrial =
  | { readonly status: 'too_many_tries'; readonly retryAfterMs: number }
  /** It was counted; the PINs that it was one too many for open nothing any more. */
  | { readonly status: 'wrong'; readonly burned: readonly BurnedPin[] }
  | { readonly status: 'right'; readonly pin: MatchedPin; readonly boundTenantId: string | undefined };

export interface LinkPinTries {
  /** Tells whether it is the PIN of somebody, and counts it if not: at once and in one, so that no number of tries side by side is more. */
  judge(tried: LinkPinTry): Promise<LinkPinTrial>;
  /** Tells of a wrong try, and of what it has burned. Not left out however often, as the tries themselves are few; never fails. */
  tellWrong(auditing: Auditing, senderId: string, burned: readonly BurnedPin[]): Promise<void>;
}

const SENDER_LIMIT = { tries: LINK_PIN_MAX_WRONG_TRIES, windowMs: 300_000 };
/** Of all senders together, who may be one person with many names. Then everybody waits: who guesses is not let through. */
const COMMON_LIMIT = { tries: 100, windowMs: 60_000 };
/** Each try removes a few that count for nothing any more. */
const PRUNED_PER_TRY = 20;

export function createLinkPinTries(database: Database): LinkPinTries {
  return {
    async judge({ senderId, macs }) {
      const nowMs = Date.now();
      const ofSender = and(eq(wrongPinTries.senderId, senderId), isWithin(SENDER_LIMIT, nowMs));
      const matching = and(hasMac(macs), isUnexpired(nowMs), isFor(senderId));
      // Its own mark on the PINs comes before its mark in the list, by which it would count itself as one too many.
      const isCounted = sql`not exists ${database.select({ pinId: linkPins.pinId }).from(linkPins).where(matching)}
        and ${selectTries(database, ofSender)} < ${SENDER_LIMIT.tries}
        and ${selectTries(database, isWithin(COMMON_LIMIT, nowMs))} < ${COMMON_LIMIT.tries}`;
      const [[own], [common], [pin], [binding], marked] = await runBatch(database, [
        selectWindow(database, ofSender),
        selectWindow(database, isWithin(COMMON_LIMIT, nowMs)),
        selectMatch(database, matching, nowMs),
        database.select({ tenantId: identityBindings.tenantId }).from(identityBindings).where(eq(identityBindings.senderId, senderId)),
        markPins(database, senderId, isCounted, nowMs),
        database.insert(wrongPinTries).select(sql`select null, ${senderId}, ${new Date(nowMs).toISOString()} where ${isCounted}`),
        pruneTries(database, nowMs),
      ]);
      const retryAfterMs = Math.max(findWait(own, SENDER_LIMIT, nowMs), findWait(common, COMMON_LIMIT, nowMs));
      if (retryAfterMs > 0) return { status: 'too_many_tries', retryAfterMs };
      if (pin !== undefined) {
        return { status: 'right', pin: { ...pin, isOpen: pin.isOpen === 1 }, boundTenantId: binding?.tenantId };
      }
      return { status: 'wrong', burned: marked.filter(({ wrongTries }) => wrongTries === LINK_PIN_MAX_WRONG_TRIES) };
    },
    async tellWrong(auditing, senderId, burned) {
      const details = { reason: 'wrong', burned: burned.length };
      const record = { chain: PLATFORM_CHAIN, action: 'link_pin.used', target: senderId, details, outcome: 'refused' } as const;
      await commitOrReport(database, auditing, record);
      for (const { pinId, tenantId } of burned) {
        await commitOrReport(database, auditing, { chain: tenantId, action: 'link_pin.burned', target: pinId });
      }
    },
  };
}

/** The try was counted, and its answer stays what it is. */
async function commitOrReport(database: Database, auditing: Auditing, record: AuditRecord): Promise<void> {
  await commitAudited(database, auditing, record, []).catch((error: unknown) => auditing.context.reportLost(record, error));
}

interface TryLimit {
  readonly tries: number;
  readonly windowMs: number;
}

interface TryWindow {
  readonly tries: number;
  readonly first: string | null;
}

function isWithin({ windowMs }: TryLimit, nowMs: number): SQL {
  return gt(wrongPinTries.triedAt, new Date(nowMs - windowMs).toISOString());
}

function selectTries(database: Database, condition: SQL | undefined) {
  return database.select({ tries: count() }).from(wrongPinTries).where(condition);
}

function selectWindow(database: Database, condition: SQL | undefined) {
  return database
    .select({ tries: count(), first: min(wrongPinTries.triedAt) })
    .from(wrongPinTries)
    .where(condition);
}

/** Until the first of the tries no longer counts; 0 when there may be another now. */
function findWait(found: TryWindow | undefined, { tries, windowMs }: TryLimit, nowMs: number): number {
  if (found === undefined || found.first === null || found.tries < tries) return 0;
  return Math.max(1, Date.parse(found.first) + windowMs - nowMs);
}

/** An open one, where others were the same six digits before it. */
function selectMatch(database: Database, matching: SQL | undefined, nowMs: number) {
  const openFirst = sql<number>`${isOpen(nowMs)}`;
  return database
    .select({
      pinId: linkPins.pinId,
      tenantId: linkPins.tenantId,
      tenantName: tenants.name,
      isOpen: openFirst,
      usedBy: linkPins.usedBy,
    })
    .from(linkPins)
    .innerJoin(tenants, eq(tenants.tenantId, linkPins.tenantId))
    .where(matching)
    .orderBy(desc(openFirst), desc(linkPins.createdAt))
    .limit(1);
}

/** A wrong try counts against each PIN that it might have hit. */
function markPins(database: Database, senderId: string, isCounted: SQL, nowMs: number) {
  return database
    .update(linkPins)
    .set({ wrongTries: sql`${linkPins.wrongTries} + 1` })
    .where(and(isOpen(nowMs), isFor(senderId), isCounted))
    .returning({ pinId: linkPins.pinId, tenantId: linkPins.tenantId, wrongTries: linkPins.wrongTries });
}

function pruneTries(database: Database, nowMs: number): Statement {
  const outdated = database
    .select({ tryId: wrongPinTries.tryId })
    .from(wrongPinTries)
    .where(lt(wrongPinTries.triedAt, new Date(nowMs - SENDER_LIMIT.windowMs).toISOString()))
    .orderBy(asc(wrongPinTries.triedAt))
    .limit(PRUNED_PER_TRY);
  return database.delete(wrongPinTries).where(sql`${wrongPinTries.tryId} in ${outdated}`);
}
