import { runAgent } from '@rubot/agent-kit/run-agent';
import { agent } from './agent.ts';

await runAgent(agent, process.env);
