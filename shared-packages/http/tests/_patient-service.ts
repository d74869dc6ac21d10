import { once } from 'node:events';
import { runMain, serveUntilStopped } from '@rubot/http/node/serve';
import { createLogger } from '@rubot/logging';
import { COMMON_EVENTS } from '@rubot/logging/events';
import { createPinoSink } from '@rubot/logging/pino-sink';

const source = { service: 'rubot-patient', environment: 'development', deploymentHash: 'local', level: 'info' } as const;

/** A service that answers when the test says so, on standard input. */
await runMain(() =>
  serveUntilStopped({
    app: {
      async fetch() {
        process.stdout.write('asked\n');
        await once(process.stdin, 'data');
        process.stdin.destroy();
        return new Response('whole');
      },
    },
    host: '127.0.0.1',
    port: Number(process.argv[2]),
    logger: createLogger({ source, events: COMMON_EVENTS, sink: createPinoSink() }),
    drainTimeoutMs: 10_000,
    onStop: async () => {},
  }),
);
