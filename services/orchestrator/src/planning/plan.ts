import type { Agent } from '../agents/agent.ts';

/** A part of an answer, and who gives it. */
export interface PlannedSlice {
  readonly id: string;
  readonly agent: Agent;
  /** What the agent is called before people. */
  readonly agentName: string;
  /** The part of the question that is the agent's; unused where one agent answers the whole of it. */
  readonly task: string;
  /** Ids of earlier slices whose answers this one needs. */
  readonly dependsOn: readonly string[];
}

/** Who answers, dependencies before those who depend on them. */
export interface Plan {
  readonly slices: readonly PlannedSlice[];
  /** `none`: there was nothing to choose. `fallback`: the planner gave no usable plan. */
  readonly planner: 'none' | 'model' | 'fallback';
}

/** One agent answers the conversation as it stands. */
export function planSoleAgent(agent: Agent, planner: Plan['planner']): Plan {
  return { planner, slices: [{ id: 's1', agent, agentName: agent.id, task: '', dependsOn: [] }] };
}
