import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createAgentApp } from '@rubot/agent-kit/app';
import { defineAgent } from '@rubot/agent-kit/define-agent';
import { type BuiltDeps, buildDeps } from '@rubot/agent-kit/deps';
import { readAgentConfig } from '@rubot/agent-kit/env';
import { createNodeServer, type NodeApp } from '@rubot/http/node/server';

const agent = defineAgent({
  id: 'shop',
  name: 'Shop',
  summary: 'Answers questions about orders, and places them.',
  instructions: 'You look orders up and place them, with tools.',
  middlewareTools: ['shop'],
});

/** An agent for a provider that a tenant connects, as an operator would add one to the platform. */
export interface ShopAgent {
  readonly origin: string;
  /** Its log. */
  readonly lines: readonly string[];
  /** It listens before there is a middleware that it could be told of. */
  begin(variables: Readonly<Record<string, string>>): void;
  stop(): Promise<void>;
}

export async function startShopAgent(): Promise<ShopAgent> {
  const lines: string[] = [];
  let deps: BuiltDeps | undefined;
  let app: NodeApp = { fetch: () => new Response(null, { status: 503 }) };
  const server = createNodeServer({ fetch: (request, bindings) => app.fetch(request, bindings) });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    lines,
    begin(variables) {
      deps = buildDeps(readAgentConfig(agent, variables), (line) => void lines.push(JSON.stringify(line)));
      app = createAgentApp(agent, deps);
    },
    async stop() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
      await deps?.close();
    },
  };
}
