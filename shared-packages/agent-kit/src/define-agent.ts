import { Capabilities, type SlotType } from '@rubot/contracts/agent';
import { ToolName } from '@rubot/contracts/ids';
import type { AgentTool } from './define-tool.ts';

export interface AgentDefinition {
  /** How the registry, models (`rubot/<id>`) and logs call it. */
  readonly id: string;
  readonly name: string;
  /** Read by the planner, so that it knows what to send here: what the agent answers, in words that questions use. */
  readonly summary: string;
  /** The system prompt. */
  readonly instructions: string;
  readonly tools?: Readonly<Record<string, AgentTool>>;
  /** Providers of the middleware whose tools the agent may call with the data bearer, such as `tables`; `*` for all that the tenant has. */
  readonly middlewareTools?: readonly string[];
  /** Model calls that one answer may take. */
  readonly maxSteps?: number;
  /** Which of a worker's slots its runs take; `cpu` unless told otherwise. */
  readonly slotType?: SlotType;
}

export interface Agent extends Required<AgentDefinition> {
  /** What the agent says of itself before it knows a tenant. */
  readonly capabilities: Capabilities;
}

/** Stands for every provider: those that tenants connect have names that no agent knows before. */
const ANY_PROVIDER = '*';
const DEFAULT_MAX_STEPS = 8;
const SCHEMA_VERSION = '1';

/** @throws ZodError when the definition breaks the agent contract */
export function defineAgent(definition: AgentDefinition): Agent {
  const { id, name, summary, tools = {}, middlewareTools = [], maxSteps = DEFAULT_MAX_STEPS, slotType = 'cpu' } = definition;
  const capabilities = Capabilities.parse({
    schema_version: SCHEMA_VERSION,
    source_id: id,
    name,
    summary,
    tools: [...Object.entries(tools).map(toToolCapability), ...middlewareTools.map(toProviderCapability)],
    slot_type: slotType,
  });
  return { ...definition, tools, middlewareTools, maxSteps, slotType, capabilities };
}

function toToolCapability([name, tool]: [string, AgentTool]): Capabilities['tools'][number] {
  const { description, effect, needsApproval = false } = tool;
  return { name: ToolName.parse(name), description, effect, needs_approval: needsApproval };
}

/** The single tools are listed by the middleware, for each tenant. */
function toProviderCapability(provider: string): Capabilities['tools'][number] {
  if (provider === ANY_PROVIDER)
    return { name: 'connections', description: 'Every tool that the tenant has in the middleware.', effect: 'write' };
  return { name: provider, description: `The middleware's tools of the provider "${provider}".`, effect: 'write' };
}

/** Whether tools of this provider are among those that the agent may call. */
export function mayUseProvider({ middlewareTools }: Pick<Agent, 'middlewareTools'>, provider: string): boolean {
  return middlewareTools.includes(ANY_PROVIDER) || middlewareTools.includes(provider);
}
