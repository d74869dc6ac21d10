import type { ChatMessage } from '@rubot/contracts/chat-request';
import { RubotError } from '@rubot/errors';
import type { Deadline } from '@rubot/http/deadline';
import type { Span } from '@rubot/logging/span';
import type { GatewayClient } from '../clients/gateway.ts';
import { createBearerSource } from './bearer-source.ts';
import { createEventRecorder } from './event-recorder.ts';
import type { Retries, Run } from './run.ts';
import type { ClaimedRun, NewRun, RunWriter } from './run-store.ts';

export interface BeginRunOptions {
  readonly accepted: NewRun & Partial<Pick<ClaimedRun, 'plan' | 'steps' | 'decisions' | 'earlier'>>;
  readonly writer: RunWriter;
  readonly deadline: Deadline;
  readonly span: Span;
  /** Gives fresh data bearers; absent where the operator has named none. */
  readonly gateway: GatewayClient | undefined;
  readonly retries: Retries | undefined;
}

/** A run that stands in the store, as this process works on it. */
export function beginRun({ accepted, writer, deadline, span, gateway, retries }: BeginRunOptions): Run {
  const { runId, caller, request, slotType, plan, steps = [], decisions = {}, earlier = [] } = accepted;
  return {
    id: runId,
    caller,
    request: { ...request, messages: joinConversation(earlier, request.messages) },
    slotType,
    deadline,
    span,
    plan,
    steps,
    decisions,
    retries,
    recorder: createEventRecorder({ writer, onFailure: deadline.abort }),
    freshBearer: createBearerSource({ token: caller.dataBearer, renew: toRenewal(accepted, gateway, { span, deadline }) }),
  };
}

/** Instructions stay in front of what they are for. */
function joinConversation(earlier: readonly ChatMessage[], messages: readonly ChatMessage[]): ChatMessage[] {
  const index = messages.findIndex(({ role }) => role !== 'system' && role !== 'developer');
  const instructions = index === -1 ? messages : messages.slice(0, index);
  return [...instructions, ...earlier, ...messages.slice(instructions.length)];
}

function toRenewal(
  { bearerGrant }: NewRun,
  gateway: GatewayClient | undefined,
  context: Pick<Run, 'span' | 'deadline'>,
): Parameters<typeof createBearerSource>[0]['renew'] {
  if (gateway === undefined || bearerGrant === undefined) return undefined;
  return async function renewBearer() {
    try {
      return await gateway.renewBearer(bearerGrant, context);
    } catch (thrown) {
      // Who has lost the rights under which a run was begun gets nothing more of it, from no slice.
      if (RubotError.is(thrown) && thrown.code === 'forbidden') context.deadline.abort(thrown);
      throw thrown;
    }
  };
}
