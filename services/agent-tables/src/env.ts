import { agentVariables } from '@rubot/agent-kit/env';
import { agent } from './agent.ts';

export const agentTablesVariables = agentVariables(agent);
