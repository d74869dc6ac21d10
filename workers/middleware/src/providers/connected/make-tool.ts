import { RubotError } from '@rubot/errors';
import type { GuardedCall } from '../outbound/guarded-fetch.ts';
import type { OutgoingTool, ReadTool, SentEffect, Tool } from '../provider.ts';
import type { ToolSnapshot } from './snapshot.ts';
import type { Upstream } from './upstream.ts';

export interface UpstreamCall extends GuardedCall {
  /** Of a write alone. */
  readonly idempotencyKey?: string;
}

/** A call that has passed every check that can be made here. Whatever it throws before `onSend` has had no effect. */
export type PreparedCall = (call: UpstreamCall) => Promise<SentEffect>;

/** What a kind of upstream knows: how to make a call of a tool out of its arguments. @throws RubotError `invalid_request` */
export type PrepareCall = (upstream: Upstream, input: unknown) => PreparedCall;

export function makeTool(snapshot: ToolSnapshot, open: () => Promise<Upstream>, prepareCall: PrepareCall): Tool {
  const base = {
    name: snapshot.name,
    description: snapshot.description,
    needsApproval: snapshot.needs_approval,
    inputSchema: snapshot.input_schema,
  };

  async function prepare(input: unknown): Promise<PreparedCall> {
    return prepareCall(await open(), input);
  }

  if (snapshot.effect === 'read') {
    return {
      ...base,
      kind: 'read',
      effect: 'read',
      async call(_data, input, signal) {
        const ask = await prepare(input);
        const answer = await ask({ signal });
        if (answer.outcome === 'done') return answer.result;
        throw answer.error;
      },
    } satisfies ReadTool;
  }
  return {
    ...base,
    kind: 'outgoing',
    effect: 'write',
    isIdempotent: snapshot.is_idempotent,
    async prepare(input) {
      const ask = await prepare(input);
      return { send: (idempotencyKey) => sendOnce(ask, idempotencyKey) };
    },
  } satisfies OutgoingTool;
}

async function sendOnce(ask: PreparedCall, idempotencyKey: string): Promise<SentEffect> {
  let isSent = false;
  function onSend(): void {
    isSent = true;
  }
  try {
    const effect = await ask({ idempotencyKey, onSend });
    return effect.outcome === 'unknown' ? { outcome: 'unknown', error: toUnknown(effect.error) } : effect;
  } catch (thrown) {
    const error = RubotError.from(thrown);
    return isSent ? { outcome: 'unknown', error: toUnknown(error) } : { outcome: 'refused', error };
  }
}

/** Whoever reads it must not take the failure for the proof that nothing has happened. */
function toUnknown(error: RubotError): RubotError {
  const { code, message, operatorDetail } = error;
  return new RubotError(code, `${message} It is not known whether it has happened: look there before you try again.`, {
    retryable: false,
    operatorDetail,
    cause: error,
  });
}
