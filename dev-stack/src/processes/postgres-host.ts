import { once } from 'node:events';
import { runMain } from '@rubot/http/node/serve';
import { createLogger } from '@rubot/logging';
import { COMMON_EVENTS } from '@rubot/logging/events';
import { createPinoSink } from '@rubot/logging/pino-sink';
import { startPostgres } from '@rubot/testkit/postgres/start-postgres';
import { HOSTED_POSTGRES_VARIABLE, HostedPostgres } from './hosted-postgres.ts';

// The database of the stack, in a process that learns of the stack's end as every child does: PostgreSQL itself would not.
await runMain(async () => {
  const { directory, port, password } = HostedPostgres.parse(JSON.parse(process.env[HOSTED_POSTGRES_VARIABLE] ?? ''));
  const source = { service: 'postgres-host', environment: 'development', deploymentHash: 'local', level: 'info' } as const;
  const logger = createLogger({ source, events: COMMON_EVENTS, sink: createPinoSink() });
  const stopAsked = Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')]);
  const postgres = await startPostgres({ port, password, directory, onNoise: passOnFailure });
  logger.log('service.started');
  const hasEnded = await Promise.race([stopAsked.then(() => false), postgres.ended.then(() => true)]);
  if (hasEnded) throw new Error('PostgreSQL ended by itself.');
  await postgres.dispose();
  logger.log('service.stopped');
});

/** Of the many things that PostgreSQL says of its health, only those that say why it has ended. */
function passOnFailure(line: string): void {
  if (/ (?:FATAL|PANIC): /.test(line)) process.stderr.write(`${line}\n`);
}
