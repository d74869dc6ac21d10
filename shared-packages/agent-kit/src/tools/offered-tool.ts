import type { AWAITS } from '@rubot/contracts/agent';
import type { ToolEffect } from '@rubot/contracts/data';
import { type Schema, type ToolSet, tool } from 'ai';
import type { StepsMode } from '../routes/caller.ts';
import type { AgentRun } from '../run/agent-run.ts';

/** A tool that is run here, be it the agent's own or the middleware's. */
export interface OfferedTool {
  readonly name: string;
  readonly description: string;
  readonly effect: ToolEffect;
  readonly needsApproval: boolean;
  /** Tells the model what the input is, and may refuse one; it changes none, as a journal keeps what the model wrote. */
  readonly inputSchema: Schema<unknown>;
  /** @throws Error with words for the model; a failure that no model can mend aborts the run's deadline as well */
  run(input: unknown, toolCallId: string): Promise<unknown>;
}

/** What a call of the tool has to wait for before it is run, where the caller takes calls back to itself. */
export function awaitsOf({ effect, needsApproval }: OfferedTool, steps: StepsMode): (typeof AWAITS)[number] | undefined {
  if (steps !== 'held') return undefined;
  if (needsApproval) return 'approval';
  return effect === 'write' ? 'commit' : undefined;
}

/** Without `execute`, a call ends the SDK's loop: what is held is run by another request. */
export function toSdkTool(run: AgentRun, offered: OfferedTool): ToolSet[string] {
  const { description, inputSchema } = offered;
  if (awaitsOf(offered, run.caller.steps) !== undefined) return tool({ description, inputSchema });
  return tool({
    description,
    inputSchema,
    execute: (input, { toolCallId }) => (offered.needsApproval ? refuseUnasked(run) : offered.run(input, toolCallId)),
  });
}

/** Nobody can be asked by a caller that does not take calls back: the model is told, and tells the person. */
function refuseUnasked({ record }: AgentRun): never {
  record.signal('approval_unavailable');
  throw new Error('This call needs the approval of a person, and nobody can be asked here. It was not run. Say so.');
}
