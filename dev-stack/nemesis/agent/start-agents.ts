import { type FakeAgent, startFakeAgent } from '@rubot/testkit/fake-agent';
import { type AgentWorld, takeTurn } from './take-turn.ts';

/** The id under which every orchestrator knows its agent. */
export const AGENT_ID = 'nemesis';

export interface Agents {
  /** The door of one orchestrator: what comes through it, that orchestrator has asked for. */
  originOf(seat: string): string;
  close(): Promise<void>;
}

/** One agent, with a door of its own for each orchestrator. */
export async function startAgents(seats: readonly string[], world: AgentWorld): Promise<Agents> {
  const doors = new Map<string, FakeAgent>();
  for (const seat of seats) {
    const door = await startFakeAgent({ id: AGENT_ID });
    door.onCompletion((exchange) => takeTurn(exchange, seat, world));
    doors.set(seat, door);
  }
  return {
    originOf(seat) {
      const door = doors.get(seat);
      if (door === undefined) throw new TypeError(`the agent has no door for ${seat}`);
      return door.origin;
    },
    async close() {
      await Promise.all([...doors.values()].map((door) => door.close()));
    },
  };
}
