import { Capabilities } from '@rubot/contracts/agent';
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
  /** Providers of the middleware whose tools the agent may call with the data bearer, such as `tables`. */
  readonly middlewareTools?: readonly string[];
  /** Model calls that one answer may take. */
  readonly maxSteps?: number;
}

export interface Agent extends Required<AgentDefinition> {
  /** What the agent says of itself before it knows a tenant. */
  readonly capabilities: Capabilities;
}

const DEFAULT_MAX_STEPS = 8;
const SCHEMA_VERSION = '1';

/** @throws ZodError when the definition breaks the agent contract */
export function defineAgent({ tools = {}, middlewareTools = [], maxSteps = DEFAULT_MAX_STEPS, ...definition }: AgentDefinition): Agent {
  const capabilities = Capabilities.parse({
    schema_version: SCHEMA_VERSION,
    source_id: definition.id,
    name: definition.name,
    summary: definition.summary,
    tools: [
      ...Object.entries(tools).map(([name, { description, effect }]) => ({ name: ToolName.parse(name), description, effect })),
      ...middlewareTools.map(toProviderCapability),
    ],
  });
  return { ...definition, tools, middlewareTools, maxSteps, capabilities };
}

/** The single tools are listed by the middleware, for each tenant. */
function toProviderCapability(provider: string): Capabilities['tools'][number] {
  return { name: provider, description: `The middleware's tools of the provider "${provider}".`, effect: 'write' };
}
