import type { LogLine } from '@rubot/contracts/log';
import { pino } from 'pino';
import type { LogSink } from './logger.ts';
import { toOneLine } from './one-line.ts';

/** For Node: one line of JSON on standard output, in the same shape as the console sink's. */
export function createPinoSink(destination: NodeJS.WritableStream = process.stdout): LogSink {
  const writer = pino(
    {
      // The envelope brings its own time, and the logger has already compared levels.
      base: null,
      timestamp: false,
      level: 'debug',
      formatters: { level: (log_level) => ({ log_level }) },
      hooks: { streamWrite: toOneLine },
    },
    destination,
  );
  return ({ log_level, ...line }: LogLine) => writer[log_level](line);
}
