import { z } from 'zod';

/** The model id that asks the planner; `rubot/<agent-id>` addresses one agent without it. */
export const PLANNED_MODEL = 'rubot';
const AGENT_MODEL_PREFIX = 'rubot/';

export function modelOfAgent(agentId: string): string {
  return `${AGENT_MODEL_PREFIX}${agentId}`;
}

/** `undefined` for any model id that does not address an agent. */
export function agentOfModel(model: string): string | undefined {
  return model.startsWith(AGENT_MODEL_PREFIX) ? model.slice(AGENT_MODEL_PREFIX.length) : undefined;
}

export const Model = z.looseObject({
  id: z.string(),
  object: z.literal('model'),
  created: z.number().int(),
  owned_by: z.string(),
  name: z.string().optional(),
  description: z.string().optional(),
});
export type Model = z.infer<typeof Model>;

export const ModelList = z.looseObject({ object: z.literal('list'), data: z.array(Model) });
export type ModelList = z.infer<typeof ModelList>;
