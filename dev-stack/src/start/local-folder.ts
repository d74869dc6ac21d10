import { appendFileSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { DEV_FILE_PATH, DevFile } from '@rubot/contracts/dev-file';
import { REPOSITORY } from '../repository.ts';
import { completeKeys, type StackKeys } from '../stack/keys.ts';
import { isFree } from '../stack/ports.ts';
import { StackError } from '../stack/stack-error.ts';
import type { Stack } from '../stack/start-stack.ts';

/** What the local stack keeps in `.rubot/` between runs; none of it is of use elsewhere, and all of it may be deleted. */
export interface LocalFolder {
  readonly keys: StackKeys;
  /** Of the stack before; it may open nothing any more. */
  readonly demoToken: string | undefined;
  readonly devFile: string;
  readonly dataDirectory: string;
  readonly postgresDirectory: string;
  readonly logFile: string;
  writeDevFile(stack: Stack, demoToken: string): void;
  /** Keeps what services print beside their log lines. */
  writeNoise(line: string): void;
}

/** @throws StackError when a stack of this checkout is already running */
export async function openLocalFolder(): Promise<LocalFolder> {
  const devFile = fileURLToPath(new URL(DEV_FILE_PATH, REPOSITORY));
  const logFile = toPath('.rubot/logs/rubot.ndjson');
  const noiseFile = toPath('.rubot/logs/noise.txt');
  const known = readDevFile(devFile);
  if (known !== undefined && isAlive(known.pid) && !(await isFree(Number(new URL(known.gateway_url).port)))) {
    throw new StackError(
      `A stack of this checkout is already running at ${known.gateway_url} (process ${known.pid}). Use it, or stop it first.`,
    );
  }
  for (const path of ['.rubot', '.rubot/logs']) mkdirSync(toPath(path), { recursive: true, mode: 0o700 });
  writeFileSync(noiseFile, '', { mode: 0o600 });
  return {
    keys: completeKeys(known?.keys ?? {}),
    demoToken: known?.demo_token,
    devFile,
    dataDirectory: toPath('.rubot/d1'),
    postgresDirectory: toPath('.rubot/postgres'),
    logFile,
    writeDevFile: (stack, demoToken) => replaceFile(devFile, `${JSON.stringify(toDevFile(stack, demoToken, logFile), null, 2)}\n`),
    writeNoise: (line) => appendIfPossible(noiseFile, `${line}\n`),
  };
}

function toPath(path: string): string {
  return fileURLToPath(new URL(path, REPOSITORY));
}

/** `undefined` also for what another version wrote: it is about to be replaced. */
function readDevFile(path: string): DevFile | undefined {
  try {
    return DevFile.safeParse(JSON.parse(readFileSync(path, 'utf8'))).data;
  } catch {
    return undefined;
  }
}

/** A process id is given out again one day, so its word alone does not count. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function toDevFile({ urls, keys, demo }: Stack, demoToken: string, logFile: string): DevFile {
  return {
    pid: process.pid,
    gateway_url: urls.gateway,
    middleware_url: urls.middleware,
    orchestrator_url: urls.orchestrator,
    agents: urls.agents,
    keys,
    demo,
    demo_token: demoToken,
    log_file: logFile,
  };
}

/** A full disk must not end a stack over what nobody may ever read. */
function appendIfPossible(path: string, text: string): void {
  try {
    appendFileSync(path, text);
  } catch {
    // The same words are told where they are the reason of a failure.
  }
}

/** A tool that reads meanwhile sees the old file or the new one, never half of one. */
function replaceFile(path: string, text: string): void {
  writeFileSync(`${path}.new`, text, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}
