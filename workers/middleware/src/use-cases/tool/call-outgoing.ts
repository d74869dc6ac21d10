import { RubotError } from '@rubot/errors';
import type { OutgoingTool, OutgoingWrite } from '../../providers/provider.ts';
import type { EffectSettlement, TenantData, ToolEffect, WriteCallRecord } from '../../store/tenant-data.ts';
import { assertSameCall, type ToolCallOutcome } from './call.ts';
import { fingerprintCall } from './fingerprint.ts';

export interface OutgoingCall {
  readonly tool: OutgoingTool;
  readonly input: unknown;
  readonly idempotencyKey: string;
  /** Lets work end that the caller no longer waits for: what went out must not go unrecorded because somebody hung up. */
  readonly keepAlive: (work: Promise<unknown>) => void;
  /** Told where an effect has happened, and that could not be written down. */
  readonly onUnrecorded: (cause: unknown) => void;
}

/**
 * Asks another system for an effect, once for its key as far as that can be had: that it will be asked is on record before,
 * and what came of it after. Found on record without its outcome, a call is repeated only where the other system has the
 * effect once however often it is asked; otherwise a person has to look.
 *
 * @throws RubotError `conflict` where it is not known whether the effect has happened, `idempotency_mismatch`
 */
export async function callOutgoingTool(data: TenantData, call: OutgoingCall): Promise<ToolCallOutcome> {
  const { tool, input, idempotencyKey, keepAlive, onUnrecorded } = call;
  const record = { idempotencyKey, tool: tool.name, fingerprint: await fingerprintCall(tool.name, input) };
  const begun = await begin(data, call, record);
  if ('replayed' in begun) return { result: begun.replayed, isReplay: true };
  const settled = sendAndSettle(data, record, begun.write, onUnrecorded);
  keepAlive(settled.catch(ignoreToldFailure));
  return { result: await settled, isReplay: false };
}

type Begun = { readonly write: OutgoingWrite } | { readonly replayed: unknown };

async function begin(data: TenantData, { tool, input }: OutgoingCall, record: WriteCallRecord): Promise<Begun> {
  try {
    const write = await tool.prepare(input);
    await data.beginEffect(record);
    return { write };
  } catch (thrown) {
    const effect = await data.findEffect(record.idempotencyKey);
    if (effect === undefined) throw thrown;
    assertSameCall(effect, record.fingerprint);
    if (effect.state === 'done') return { replayed: effect.result };
    if (!tool.isIdempotent) throw refuseRepeat(effect);
    return { write: await tool.prepare(input) };
  }
}

/**
 * What has happened is answered though it cannot be written down: its record stays as begun, which keeps it from being repeated.
 *
 * @throws RubotError the failure of the other system
 */
async function sendAndSettle(
  data: TenantData,
  record: WriteCallRecord,
  write: OutgoingWrite,
  onUnrecorded: OutgoingCall['onUnrecorded'],
): Promise<unknown> {
  const effect = await write.send(record.idempotencyKey);
  const settlement: EffectSettlement = effect.outcome === 'done' ? { outcome: 'done', result: effect.result } : { outcome: effect.outcome };
  await data.settleEffect(record, settlement).catch(onUnrecorded);
  if (effect.outcome === 'done') return effect.result;
  throw effect.error;
}

// Whoever waits for the call is told of it.
function ignoreToldFailure(): void {}

/** An answer of another system is waited for no longer than this, with all that stands around it. */
const LONGEST_CALL_MS = 60_000;

function refuseRepeat({ tool, createdAt }: ToolEffect): RubotError {
  if (Date.now() - Date.parse(createdAt) < LONGEST_CALL_MS) {
    return new RubotError(
      'conflict',
      `This call of ${tool} has begun and is not over. Do not call it anew: ask again in a moment with the same key.`,
      {
        retryAfterMs: 2_000,
      },
    );
  }
  return new RubotError(
    'conflict',
    `This call of ${tool} was sent once and its answer never came: it is not known whether it has happened. Do not repeat it. Look in the other system first, or tell the person to.`,
  );
}
