import { HEADERS, parseAllowedAgents } from '@rubot/contracts/headers';
import { type Model, modelOfAgent, PLANNED_MODEL } from '@rubot/contracts/models';
import type { BaseEnv } from '@rubot/http/base-app';
import type { Handler } from 'hono';
import { describeAgents, listAllowed } from '../agents/eligible.ts';
import type { OrchestratorDeps } from '../deps.ts';

const ORIGIN = { object: 'model', owned_by: 'rubot' } as const;

/** `GET /v1/models`: what this tenant may ask now; an agent that is down is not listed. */
export function listModelsHandler({ directory, startedAtMs }: OrchestratorDeps): Handler<BaseEnv> {
  const created = Math.floor(startedAtMs / 1_000);
  return async function listModels(c) {
    const allowed = parseAllowedAgents(c.req.header(HEADERS.allowedAgents));
    const alive = listAllowed(directory, allowed).filter((agent) => !agent.isDead());
    const models = (await describeAgents(directory, alive)).map(({ agent, capabilities }): Model => {
      return { ...ORIGIN, id: modelOfAgent(agent.id), created, name: capabilities.name, description: capabilities.summary };
    });
    return c.json({ object: 'list', data: models.length === 0 ? [] : [plannedModel(created), ...models] });
  };
}

function plannedModel(created: number): Model {
  return { ...ORIGIN, id: PLANNED_MODEL, created, name: 'rubot', description: 'Chooses the agents that answer, and joins what they say.' };
}
