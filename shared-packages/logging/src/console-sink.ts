import type { LogLine } from '@rubot/contracts/log';
import { toOneLine } from './one-line.ts';

/** For workerd: Workers Logs, Logpush and a local run all read what the console prints. */
export function writeToConsole(line: LogLine): void {
  console.log(toOneLine(JSON.stringify(line)));
}
