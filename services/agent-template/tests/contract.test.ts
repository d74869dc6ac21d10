import { createAgentApp } from '@rubot/agent-kit/app';
import { buildDeps } from '@rubot/agent-kit/deps';
import { readAgentConfig } from '@rubot/agent-kit/env';
import { describeAgentContract } from '@rubot/testkit/agent-contract';
import { agent } from '../src/agent.ts';

describeAgentContract({
  agent,
  createApp(environment, sink) {
    const deps = buildDeps(readAgentConfig(agent, environment), sink);
    return { fetch: createAgentApp(agent, deps).fetch, close: deps.close };
  },
});
