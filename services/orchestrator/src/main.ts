import { runMain, serveUntilStopped } from '@rubot/http/node/serve';
import { createOrchestratorApp } from './app.ts';
import { buildDeps } from './deps.ts';
import { readOrchestratorConfig } from './env.ts';

await runMain(async () => {
  const config = readOrchestratorConfig(process.env);
  const deps = buildDeps(config);
  deps.directory.health.start();
  await serveUntilStopped({
    app: createOrchestratorApp(deps),
    host: config.host,
    port: config.port,
    logger: deps.logger,
    drainTimeoutMs: config.drainTimeoutMs,
    onDrain: () => deps.lifecycle.drain(),
    onStop: () => deps.close(),
  });
});
