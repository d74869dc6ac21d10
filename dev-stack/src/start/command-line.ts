import { parseArgs } from 'node:util';
import { StackError } from '../stack/stack-error.ts';

export interface CommandLine {
  readonly port: number;
  /** Ends after the first conversation. */
  readonly once: boolean;
  /** Asks for the usage, and for nothing else. */
  readonly help: boolean;
}

const DEFAULT_PORT = 8_787;
export const USAGE = 'Usage: npm start [-- --port <number>] [--once]';

/** @throws StackError that shows how it is called */
export function readCommandLine(parameters: readonly string[]): CommandLine {
  const { port, once = false, help = false } = parse(parameters);
  const number = port === undefined ? DEFAULT_PORT : Number(port);
  if (!Number.isInteger(number) || number < 1 || number > 65_535) {
    throw new StackError(`--port ${port} is no port; give a number from 1 to 65535. ${USAGE}`);
  }
  return { port: number, once, help };
}

function parse(parameters: readonly string[]) {
  try {
    return parseArgs({
      args: [...parameters],
      options: { port: { type: 'string' }, once: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
    }).values;
  } catch (thrown) {
    throw new StackError(`${thrown instanceof Error ? thrown.message : String(thrown)} ${USAGE}`);
  }
}
