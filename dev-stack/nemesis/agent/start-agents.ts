import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { createAdaptorServer } from '@hono/node-server';
import { createAgentApp } from '@rubot/agent-kit/app';
import { type Agent, defineAgent } from '@rubot/agent-kit/define-agent';
import { defineTool } from '@rubot/agent-kit/define-tool';
import { buildDeps } from '@rubot/agent-kit/deps';
import { readAgentConfig } from '@rubot/agent-kit/env';
import { closeServer } from '@rubot/testkit/model-upstream';
import { z } from 'zod';
import type { Random } from '../random.ts';
import { AGENT_KEY } from '../world/hop.ts';
import type { Ledger } from './ledger.ts';
import { startModel, TOOL } from './start-model.ts';

/** The id under which every orchestrator knows its agent. */
export const AGENT_ID = 'nemesis';

export interface AgentsOptions {
  readonly ledger: Ledger;
  readonly random: Random;
}

export interface Agents {
  /** The replica that one orchestrator asks, and no other: what comes to it, that orchestrator has asked for. */
  originOf(seat: string): string;
  /** Says what a task that is poison does to the orchestrator that has it worked on; nothing by default. */
  onPoison(effect: (seat: string) => void): void;
  close(): Promise<void>;
}

/** An agent as any other, in as many replicas as there are orchestrators; only its model is simulated. */
export async function startAgents(seats: readonly string[], { ledger, random }: AgentsOptions): Promise<Agents> {
  let takePoison: (seat: string) => void = () => {};
  const model = await startModel({ ledger, random, onPoison: (seat) => takePoison(seat) });
  const agent = describeAgent(ledger);
  const replicas = new Map(await Promise.all(seats.map(async (seat) => [seat, await startReplica(agent, model.urlOf(seat))] as const)));
  return {
    originOf(seat) {
      const replica = replicas.get(seat);
      if (replica === undefined) throw new TypeError(`no replica of the agent is for ${seat}`);
      return replica.origin;
    },
    onPoison(effect) {
      takePoison = effect;
    },
    async close() {
      await Promise.all([...replicas.values()].map((replica) => replica.close()));
      await model.close();
    },
  };
}

function describeAgent(ledger: Ledger): Agent {
  const changeWorld = defineTool({
    description: 'Changes the world.',
    effect: 'write',
    input: z.object({ takesMs: z.number() }),
    // Once begun it goes on, whoever has left: what is far away cannot be called back.
    async run({ takesMs }, { idempotencyKey }) {
      await pause(takesMs / 2);
      ledger.changeWorld(idempotencyKey);
      await pause(takesMs / 2);
      return 'changed';
    },
  });
  return defineAgent({
    id: AGENT_ID,
    name: 'Nemesis',
    summary: 'Does tasks that tell it how long to take.',
    instructions: 'Do the task.',
    tools: { [TOOL]: changeWorld },
  });
}

interface Replica {
  readonly origin: string;
  close(): Promise<void>;
}

async function startReplica(agent: Agent, modelUrl: string): Promise<Replica> {
  const environment = {
    ORCHESTRATOR_API_KEY: AGENT_KEY,
    MODEL_SPECIFIER: 'openai/nemesis',
    OPENAI_API_KEY: 'sk-of-the-nemesis-0123456789',
    OPENAI_BASE_URL: modelUrl,
  };
  const deps = buildDeps(readAgentConfig(agent, environment), () => {});
  const server = createAdaptorServer({ fetch: createAgentApp(agent, deps).fetch }) as Server;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      await closeServer(server);
      await deps.close();
    },
  };
}
