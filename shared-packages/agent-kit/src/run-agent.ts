import { runMain, serveUntilStopped } from '@rubot/http/node/serve';
import { createAgentApp } from './app.ts';
import type { Agent } from './define-agent.ts';
import { buildDeps } from './deps.ts';
import { readAgentConfig } from './env.ts';

/** The whole life of an agent's process, from its environment to SIGTERM. */
export function runAgent(agent: Agent, source: Readonly<Record<string, unknown>>): Promise<void> {
  return runMain(async () => {
    const config = readAgentConfig(agent, source);
    const deps = buildDeps(config);
    await serveUntilStopped({
      app: createAgentApp(agent, deps),
      host: config.host,
      port: config.port,
      logger: deps.logger,
      drainTimeoutMs: config.drainTimeoutMs,
      onDrain: () => deps.drain(),
      onStop: () => deps.close(),
    });
  });
}
