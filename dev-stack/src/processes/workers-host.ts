import { runMain } from '@rubot/http/node/serve';
import { stopSignal } from '@rubot/http/node/stop-signal';
import { createLogger } from '@rubot/logging';
import { COMMON_EVENTS } from '@rubot/logging/events';
import { createPinoSink } from '@rubot/logging/pino-sink';
import { startWorkers } from '@rubot/testkit/workerd/start-workers';
import { HOSTED_WORKERS_VARIABLE, HostedWorkers } from './hosted-workers.ts';

// The Workers of the stack, in workerd, in a process of their own. workerd outlives a parent that is killed; this
// process learns of the stack's end as every child does, and disposes of workerd before it goes.
await runMain(async () => {
  const { persistDirectory, workers } = HostedWorkers.parse(JSON.parse(process.env[HOSTED_WORKERS_VARIABLE] ?? ''));
  const source = { service: 'workers-host', environment: 'development', deploymentHash: 'local', level: 'info' } as const;
  const logger = createLogger({ source, events: COMMON_EVENTS, sink: createPinoSink() });
  const stopAsked = stopSignal();
  const running = await startWorkers({
    workers: workers.map(({ directory, ...worker }) => ({ directory: new URL(directory), ...worker })),
    ...(persistDirectory === undefined ? {} : { persistDirectory }),
    onLine: (line) => process.stdout.write(`${line}\n`),
    onNoise: (line) => process.stderr.write(`${line}\n`),
  });
  logger.log('service.started');
  await stopAsked;
  await running.stop();
  logger.log('service.stopped');
});
