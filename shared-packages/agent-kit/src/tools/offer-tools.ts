import type { ChatRequest } from '@rubot/contracts/chat-request';
import { RubotError } from '@rubot/errors';
import { jsonSchema, type ToolChoice, type ToolSet, tool } from 'ai';
import type { AgentRun } from '../run/agent-run.ts';
import { offerMiddlewareTools } from './middleware-tools.ts';
import { type OfferedTool, toSdkTool } from './offered-tool.ts';
import { offerOwnTools } from './own-tools.ts';

/** What the model may call in a run, and whether it must. */
export interface OfferedTools {
  readonly tools: ToolSet;
  readonly toolChoice: ToolChoice<ToolSet>;
  /** Names of the client's tools: a call to one of them ends the run and goes to the client. */
  readonly clientTools: ReadonlySet<string>;
  /** Tools that are run here, by name. */
  readonly ownTools: ReadonlyMap<string, OfferedTool>;
}

/** @throws RubotError `invalid_request` where the client's tools and its choice do not fit together */
export async function offerTools(run: AgentRun): Promise<OfferedTools> {
  const ownTools = new Map([...offerOwnTools(run), ...(await offerMiddlewareTools(run))].map((offered) => [offered.name, offered]));
  const own: ToolSet = Object.fromEntries([...ownTools].map(([name, offered]) => [name, toSdkTool(run, offered)]));
  const client = offerClientTools(run.request);
  const clientTools = new Set(Object.keys(client));
  const twice = (run.request.tools ?? []).findIndex(({ function: { name } }) => ownTools.has(name));
  if (twice >= 0) {
    const param = `tools[${twice}].function.name`;
    throw new RubotError('invalid_request', `Invalid value for '${param}': the agent has a tool of this name. Give yours another.`, {
      param,
    });
  }
  const choice = run.request.tool_choice ?? 'auto';
  if (choice === 'auto') return { tools: { ...own, ...client }, toolChoice: 'auto', clientTools, ownTools };
  // The client decides over its own tools: it can forbid them or ask for them, and knows nothing of the agent's.
  if (choice === 'none') return { tools: own, toolChoice: 'auto', clientTools: new Set(), ownTools };
  return { tools: client, toolChoice: forceChoice(choice, clientTools), clientTools, ownTools };
}

function forceChoice(
  choice: Exclude<NonNullable<ChatRequest['tool_choice']>, 'auto' | 'none'>,
  clientTools: ReadonlySet<string>,
): ToolChoice<ToolSet> {
  if (clientTools.size === 0) {
    throw new RubotError('invalid_request', "Invalid value for 'tool_choice': it is only allowed together with tools.", {
      param: 'tool_choice',
    });
  }
  if (typeof choice === 'string') return 'required';
  const { name } = choice.function;
  if (clientTools.has(name)) return { type: 'tool', toolName: name };
  throw new RubotError('invalid_request', `Invalid value for 'tool_choice': there is no tool called ${name} in tools.`, {
    param: 'tool_choice',
  });
}

const NO_PARAMETERS = { type: 'object', properties: {} } as const;

/** Without `execute`: the SDK ends the loop at a call, and the client answers it. */
function offerClientTools(request: ChatRequest): ToolSet {
  const definitions = request.tools ?? [];
  return Object.fromEntries(
    definitions.map(({ function: definition }) => [
      definition.name,
      tool({
        ...(typeof definition.description === 'string' ? { description: definition.description } : {}),
        ...(typeof definition.strict === 'boolean' ? { strict: definition.strict } : {}),
        inputSchema: jsonSchema(definition.parameters ?? NO_PARAMETERS),
      }),
    ]),
  );
}
