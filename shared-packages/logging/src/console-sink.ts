import type { LogLine } from '@rubot/contracts/log';

/** For workerd: Workers Logs, Logpush and a local run all read what the console prints. */
export function writeToConsole(line: LogLine): void {
  console.log(JSON.stringify(line));
}
