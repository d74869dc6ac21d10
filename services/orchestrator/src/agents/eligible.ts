import type { Capabilities } from '@rubot/contracts/agent';
import { agentOfModel, modelOfAgent, PLANNED_MODEL } from '@rubot/contracts/models';
import { RubotError } from '@rubot/errors';
import type { Agent } from './agent.ts';
import type { AgentDirectory } from './directory.ts';

/** An agent that this tenant may use and that says what it can do. */
export interface DescribedAgent {
  readonly agent: Agent;
  readonly capabilities: Capabilities;
}

/** `null` stands for every registered agent; an empty list for none. */
export type AllowedAgents = readonly string[] | null;

const RETRY_AFTER_MS = 5_000;

/** What the tenant may use, whether it is up or not. */
export function listAllowed({ agents }: AgentDirectory, allowed: AllowedAgents): readonly Agent[] {
  const registered = [...agents.values()];
  return allowed === null ? registered : registered.filter((agent) => allowed.includes(agent.id));
}

/**
 * The agents that may answer a request for this model: one that the client named, or all that the planner may choose from.
 *
 * @throws RubotError `model_not_found`; `forbidden` when the tenant may use no agent; `unavailable` when all are down
 */
export function findEligible(directory: AgentDirectory, allowed: AllowedAgents, model: string): readonly Agent[] {
  const permitted = listAllowed(directory, allowed);
  const named = model === PLANNED_MODEL ? permitted : permitted.filter((agent) => agent.id === agentOfModel(model));
  if (named.length === 0) throw model === PLANNED_MODEL ? noAgentAllowed() : unknownModel(permitted);
  const alive = named.filter((agent) => !agent.isDead());
  if (alive.length === 0) throw allDown(named);
  return alive;
}

/** Those of the agents that say what they can do; an agent that does not cannot be chosen by it. */
export async function describeAgents({ capabilities }: AgentDirectory, agents: readonly Agent[]): Promise<readonly DescribedAgent[]> {
  const described = await Promise.all(
    agents.map(async (agent) => {
      const known = await capabilities.get(agent);
      return known === undefined ? [] : [{ agent, capabilities: known }];
    }),
  );
  return described.flat();
}

export function allDown(agents: readonly Agent[]): RubotError {
  const names = agents.map((agent) => agent.id).join(', ');
  return new RubotError('unavailable', `Every agent that could answer is down (${names}). Try again in a moment.`, {
    retryAfterMs: RETRY_AFTER_MS,
  });
}

function noAgentAllowed(): RubotError {
  return new RubotError('forbidden', 'No agent is enabled for this tenant. Enable one, then ask again.');
}

function unknownModel(permitted: readonly Agent[]): RubotError {
  const known = permitted.length === 0 ? [] : [PLANNED_MODEL, ...permitted.map((agent) => modelOfAgent(agent.id))];
  const advice = known.length === 0 ? 'No agent is enabled for this tenant.' : `Choose one of: ${known.join(', ')}.`;
  return new RubotError('model_not_found', `There is no such model here. ${advice}`, { param: 'model' });
}
