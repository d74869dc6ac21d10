import type { ToolDescription } from '@rubot/contracts/data';
import { RubotError } from '@rubot/errors';
import { z } from 'zod';
import type { Provider, Tool } from './provider.ts';

export interface ProviderRegistry {
  readonly providers: readonly Provider[];
  /** As models are told of them. */
  readonly descriptions: readonly ToolDescription[];
  /** @throws RubotError `not_found` that names the tools there are */
  find(toolName: string): RegisteredTool;
}

export interface RegisteredTool {
  readonly provider: Provider;
  readonly tool: Tool;
}

export function createProviderRegistry(providers: readonly Provider[]): ProviderRegistry {
  const registered = providers.flatMap((provider) => provider.tools.map((tool) => ({ provider, tool })));
  const byName = new Map(registered.map((entry) => [entry.tool.name, entry]));
  if (byName.size !== registered.length) throw new TypeError('two tools have the same name');
  return {
    providers,
    descriptions: registered.map(({ provider, tool }) => ({
      name: tool.name,
      provider: provider.id,
      description: tool.description,
      effect: tool.effect,
      needs_approval: tool.needsApproval ?? false,
      input_schema: z.toJSONSchema(tool.input, { io: 'input', target: 'draft-7' }),
    })),
    find(toolName) {
      const entry = byName.get(toolName);
      if (entry !== undefined) return entry;
      throw new RubotError('not_found', `There is no tool of that name. The tools are: ${[...byName.keys()].join(', ')}.`, {
        param: 'tool',
      });
    },
  };
}
