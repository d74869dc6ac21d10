import { type FakeAgent, startFakeAgent } from '@rubot/testkit/fake-agent';
import type { Random } from '../random.ts';
import type { Ledger } from './ledger.ts';
import { takeTurn } from './take-turn.ts';

/** The id under which every orchestrator knows its agent. */
export const AGENT_ID = 'nemesis';

export interface AgentsOptions {
  readonly ledger: Ledger;
  readonly random: Random;
}

export interface Agents {
  /** The door of one orchestrator: what comes through it, that orchestrator has asked for. */
  originOf(seat: string): string;
  /** Says what a task that is poison does to the orchestrator that asks; nothing by default. */
  onPoison(effect: (seat: string) => void): void;
  close(): Promise<void>;
}

/** One agent, with a door of its own for each orchestrator. */
export async function startAgents(seats: readonly string[], options: AgentsOptions): Promise<Agents> {
  let takePoison: (seat: string) => void = () => {};
  const doors = new Map<string, FakeAgent>();
  for (const seat of seats) {
    const door = await startFakeAgent({ id: AGENT_ID });
    door.onCompletion((exchange) => takeTurn(exchange, { ...options, seat, takePoison: () => takePoison(seat) }));
    doors.set(seat, door);
  }
  return {
    originOf(seat) {
      const door = doors.get(seat);
      if (door === undefined) throw new TypeError(`the agent has no door for ${seat}`);
      return door.origin;
    },
    onPoison(effect) {
      takePoison = effect;
    },
    async close() {
      await Promise.all([...doors.values()].map((door) => door.close()));
    },
  };
}
