import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { findPorts } from '../../src/stack/ports.ts';
import { type OwnedProcess, ownProcess } from './own-process.ts';

export interface RunningService extends OwnedProcess {
  readonly url: string;
}

export interface ServiceOptions {
  readonly name: string;
  /** Its `main.ts`, or its bundle. */
  readonly entry: URL;
  /** All that it sees of the environment, beside where to listen. */
  readonly environment: Readonly<Record<string, string>>;
  /** For its log. */
  readonly directory: string;
}

const START_TIMEOUT_MS = 30_000;
const LOOK_AGAIN_MS = 20;
const LAST_WORDS_CHARACTERS = 2_000;

/** A service of ours as its host runs it, with its log on; resolves when it says that it is ready. */
export async function startService({ name, entry, environment, directory }: ServiceOptions): Promise<RunningService> {
  const { [name]: port = 0 } = await findPorts([name]);
  const logFile = path.join(directory, `${name}.ndjson`);
  // Into a file and not into a pipe: whoever read the pipe would take the processor from what is measured, line by line.
  const log = openSync(logFile, 'a');
  const child = spawn(process.execPath, [fileURLToPath(entry)], {
    env: { ...environment, HOST: '127.0.0.1', PORT: String(port) },
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  const owned = ownProcess(child);
  const url = `http://127.0.0.1:${port}`;
  const deadlineMs = performance.now() + START_TIMEOUT_MS;
  while (!(await isReady(url))) {
    if (child.exitCode !== null || child.signalCode !== null || performance.now() > deadlineMs) {
      throw new Error(`${name} did not start:\n${(await readFile(logFile, 'utf8')).slice(-LAST_WORDS_CHARACTERS)}`);
    }
    await sleep(LOOK_AGAIN_MS);
  }
  return { ...owned, url };
}

async function isReady(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/readyz`)).ok;
  } catch {
    return false;
  }
}
