import type { PendingCall } from '@rubot/contracts/agent';
import type { ToolCall } from '@rubot/contracts/chat-request';
import type { FinishReason } from 'ai';
import type { OfferedTools } from '../tools/offer-tools.ts';
import { awaitsOf } from '../tools/offered-tool.ts';
import type { AgentRun } from './agent-run.ts';

/** Calls of a step that have no result, by what is to become of them. */
export interface UnsettledCalls {
  /** Run by the next request, once the caller has them on record or a person has decided. */
  readonly held: readonly PendingCall[];
  /** The client's turn: where calls are held, it comes when those were run. */
  readonly client: readonly ToolCall[];
  /** Nobody's: the model was cut off, and they are not to be run later as if it had not been. */
  readonly abandoned: readonly ToolCall[];
}

export const NOTHING_UNSETTLED: UnsettledCalls = { held: [], client: [], abandoned: [] };

export interface SortUnsettledOptions {
  readonly run: AgentRun;
  readonly offered: OfferedTools;
  /** Calls of the step without a result. */
  readonly open: readonly ToolCall[];
  readonly finishReason: FinishReason;
}

export function sortUnsettled({ run, offered, open, finishReason }: SortUnsettledOptions): UnsettledCalls {
  const held = open.flatMap(({ id, function: { name } }) => {
    const tool = offered.ownTools.get(name);
    const awaits = tool === undefined || !isWhole(finishReason) ? undefined : awaitsOf(tool, run.caller.steps);
    return awaits === undefined ? [] : [{ tool_call_id: id, awaits }];
  });
  const heldIds = new Set(held.map((call) => call.tool_call_id));
  const client = open.filter((call) => offered.clientTools.has(call.function.name));
  return {
    held,
    client: held.length > 0 ? [] : client,
    abandoned: open.filter((call) => !heldIds.has(call.id) && !client.includes(call)),
  };
}

/** As the SDK has it, which runs no tool behind any other reason. */
function isWhole(finishReason: FinishReason): boolean {
  return finishReason === 'stop' || finishReason === 'tool-calls';
}
