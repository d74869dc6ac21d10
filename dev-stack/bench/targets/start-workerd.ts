import { type ChildProcess, spawn } from 'node:child_process';
import { open, readFile, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import workerd from 'workerd';
import { type OwnedProcess, ownProcess } from './own-process.ts';
import { renderWorkerdConfig, SOCKET_NAME, type WorkerDefinition } from './workerd-config.ts';

export interface RunningWorkerd extends OwnedProcess {
  readonly url: string;
  /** How many lines its Workers have logged since the last call. */
  takeLogLines(): Promise<number>;
}

const CONTROL_DESCRIPTOR = 3;
const LINE_FEED = 0x0a;

/** One workerd process, and nothing between its socket and the first Worker. */
export async function startWorkerd(
  directory: string,
  workers: readonly [WorkerDefinition, ...WorkerDefinition[]],
): Promise<RunningWorkerd> {
  const [{ name }] = workers;
  const configFile = path.join(directory, `${name}.capnp`);
  const logFile = path.join(directory, `${name}.ndjson`);
  const noiseFile = path.join(directory, `${name}.stderr`);
  await writeFile(configFile, renderWorkerdConfig(workers));
  // Into a file and not into a pipe: whoever read the pipe would take the processor from what is measured, line by line.
  const [log, noise] = await Promise.all([open(logFile, 'a'), open(noiseFile, 'a')]);
  const child = spawn(workerd.default, ['serve', `--control-fd=${CONTROL_DESCRIPTOR}`, configFile], {
    stdio: ['ignore', log.fd, noise.fd, 'pipe'],
  });
  const owned = ownProcess(child);
  await Promise.all([log.close(), noise.close()]);
  const port = await readPort(child);
  if (port === undefined) throw new Error(`workerd did not start: ${await readFile(noiseFile, 'utf8')}`);
  return { ...owned, url: `http://127.0.0.1:${port}`, takeLogLines: () => takeLines(logFile) };
}

async function readPort(child: ChildProcess): Promise<number | undefined> {
  const messages = child.stdio[CONTROL_DESCRIPTOR] as Readable;
  for await (const line of createInterface({ input: messages })) {
    const message: unknown = JSON.parse(line);
    if (isListening(message)) return message.port;
  }
  return undefined;
}

function isListening(message: unknown): message is { port: number } {
  return typeof message === 'object' && message !== null && 'socket' in message && message.socket === SOCKET_NAME && 'port' in message;
}

async function takeLines(file: string): Promise<number> {
  const bytes = await readFile(file);
  await truncate(file);
  let lines = 0;
  for (const byte of bytes) if (byte === LINE_FEED) lines += 1;
  return lines;
}
