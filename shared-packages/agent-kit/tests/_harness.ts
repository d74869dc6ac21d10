import { RubotError } from '@rubot/errors';
import { type AgentContractOptions, type AgentHarness, probeOf, startAgent } from '@rubot/testkit/agent-contract/harness';
import { z } from 'zod';
import { createAgentApp } from '../src/app.ts';
import { type AgentDefinition, defineAgent } from '../src/define-agent.ts';
import { defineTool } from '../src/define-tool.ts';
import { buildDeps } from '../src/deps.ts';
import { readAgentConfig } from '../src/env.ts';

export const PROBE = probeOf('records');

/** Own tools that do well, refuse, break, and hang. */
const TOOLS = {
  add: defineTool({
    description: 'Adds two numbers.',
    effect: 'read',
    input: z.object({ left: z.number(), right: z.number() }),
    run: ({ left, right }) => ({ sum: left + right }),
  }),
  refuse: defineTool({
    description: 'Refuses.',
    effect: 'read',
    input: z.object({}),
    run: () => {
      throw new RubotError('invalid_request', 'Name a colour instead.');
    },
  }),
  break_down: defineTool({
    description: 'Breaks.',
    effect: 'write',
    input: z.object({}),
    run: () => {
      throw new TypeError('password=hunter2');
    },
  }),
  flood: defineTool({ description: 'Floods.', effect: 'read', input: z.object({}), run: () => 'x'.repeat(200_000) }),
};

export const TEST_AGENT: AgentDefinition = {
  id: 'test',
  name: 'Test',
  summary: 'Tests.',
  instructions: 'You are tested.',
  tools: TOOLS,
  middlewareTools: ['records'],
  maxSteps: 4,
};

export interface TestAgentOptions {
  readonly definition?: Partial<AgentDefinition>;
  /** Merged over the environment of the contract suite; `undefined` takes a variable away. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

export function startTestAgent({ definition = {}, environment = {} }: TestAgentOptions = {}): Promise<AgentHarness> {
  const agent = defineAgent({ ...TEST_AGENT, ...definition });
  const createApp: AgentContractOptions['createApp'] = (given, sink) => {
    const deps = buildDeps(readAgentConfig(agent, { ...given, ...environment }), sink);
    return { fetch: createAgentApp(agent, deps).fetch, close: deps.close };
  };
  return startAgent({ agent, createApp });
}

export function ask(text: string): { messages: { role: string; content: string }[] } {
  return { messages: [{ role: 'user', content: text }] };
}

export async function errorOf(response: Response): Promise<{ status: number; code: string; message: string; param: string | null }> {
  const { error } = (await response.json()) as { error: { code: string; message: string; param: string | null } };
  return { status: response.status, ...error };
}
