import type { PendingCall } from '@rubot/contracts/agent';
import type { ToolCall } from '@rubot/contracts/chat-request';
import { awaitsOf, type OfferedTool } from '../tools/offered-tool.ts';
import type { AgentRun } from './agent-run.ts';
import { parseArguments } from './message-content.ts';
import { type ToolMessage, toErrorMessage, toResultMessage, toToolMessage } from './tool-message.ts';

/** What became of calls that were left open. */
export interface SettledCalls {
  /** Results, in the order of the calls. */
  readonly messages: readonly ToolMessage[];
  /** Calls on which no person has decided: they are still to be run. */
  readonly pending: readonly PendingCall[];
}

type OwnTools = ReadonlyMap<string, OfferedTool>;

/**
 * Runs the calls side by side, as far as persons allow it.
 *
 * @throws RubotError what ended the run meanwhile: all of the calls are run again then, under the same keys
 */
export async function settleCalls(run: AgentRun, ownTools: OwnTools, calls: readonly ToolCall[]): Promise<SettledCalls> {
  const isUndecided = ({ id, function: { name } }: ToolCall) => {
    const offered = ownTools.get(name);
    return offered !== undefined && awaitsOf(offered, run.caller.steps) === 'approval' && run.caller.decisions?.has(id) !== true;
  };
  const results = await Promise.all(calls.filter((call) => !isUndecided(call)).map((call) => settleCall(run, ownTools, call)));
  run.deadline.signal.throwIfAborted();
  return {
    messages: results,
    pending: calls.filter(isUndecided).map(({ id }) => ({ tool_call_id: id, awaits: 'approval' })),
  };
}

async function settleCall(run: AgentRun, ownTools: OwnTools, { id, function: called }: ToolCall): Promise<ToolMessage> {
  const decided = run.caller.decisions?.get(id);
  if (decided?.decision === 'reject') return toToolMessage(id, toRejection(decided.comment));
  const offered = ownTools.get(called.name);
  // Nobody can say any more whether it wants approval, or what it would do.
  if (offered === undefined) return toErrorMessage(id, `There is no tool ${called.name} any more. It was not run.`);
  try {
    return toResultMessage(id, await offered.run(parseArguments(called.arguments), id));
  } catch (thrown) {
    return toErrorMessage(id, thrown);
  }
}

function toRejection(comment = ''): string {
  const rejection = 'A person rejected this call. It was not run, and is not to be made again unless they ask for it.';
  return comment === '' ? rejection : `${rejection} They said: ${comment}`;
}
