import { SLOT_TYPES, type SlotType } from '@rubot/contracts/agent';
import type { Agent } from '../agents/agent.ts';
import type { AgentDirectory } from '../agents/directory.ts';

/** The kind of slot in which an agent's runs belong. A kind that this version has no slots of is taken for the common one. */
export async function slotTypeOf({ capabilities }: AgentDirectory, agents: readonly Agent[]): Promise<SlotType> {
  const [sole, ...others] = agents;
  // Which of several agents answer is not known before the run is planned, and planning takes no special slot.
  if (sole === undefined || others.length > 0) return 'cpu';
  const known = await capabilities.get(sole);
  return SLOT_TYPES.find((type) => type === known?.slot_type) ?? 'cpu';
}
