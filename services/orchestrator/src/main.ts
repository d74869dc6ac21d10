import { runMain, serveUntilStopped } from '@rubot/http/node/serve';
import { createOrchestratorApp, createWorkerApp } from './app.ts';
import { buildDeps } from './deps.ts';
import { readOrchestratorConfig } from './env.ts';
import { MIGRATIONS } from './migrations-folder.ts';
import { migrate } from './runs/postgres/migrate.ts';

await runMain(async () => {
  const config = readOrchestratorConfig(process.env);
  const deps = buildDeps(config);
  try {
    await migrate(deps.database, MIGRATIONS);
    await deps.start();
  } catch (thrown) {
    await deps.close();
    throw thrown;
  }
  await serveUntilStopped({
    app: config.role === 'worker' ? createWorkerApp(deps) : createOrchestratorApp(deps),
    host: config.host,
    port: config.port,
    logger: deps.logger,
    drainTimeoutMs: config.drainTimeoutMs,
    stallTimeoutMs: config.slowReaderTimeoutMs,
    onDrain: () => deps.drain(),
    onCutOff: () => deps.handOver(),
    onStop: () => deps.close(),
  });
});
