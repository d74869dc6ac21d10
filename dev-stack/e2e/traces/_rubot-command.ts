import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DEV_FILE_PATH, type DevFile } from '@rubot/contracts/dev-file';
import { REPOSITORY } from '../../src/repository.ts';
import type { Stack } from '../../src/stack/start-stack.ts';

export interface CommandEnd {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A folder in which the `rubot` command finds a stack, as it does in a checkout after `npm start`. */
export interface CommandFolder {
  readonly logFile: string;
  /** Writes the file by which the command finds the stack; `keys` replaces the stack's own. */
  tellOf(stack: Stack, keys?: Readonly<Record<string, string>>): Promise<void>;
  /** Puts a file beside which the command is run. */
  write(name: string, text: string): Promise<void>;
  /** Runs the command as a process of its own, with no variables but these. */
  run(parameters: readonly string[], environment?: Readonly<Record<string, string>>): Promise<CommandEnd>;
  remove(): Promise<void>;
}

const COMMAND = fileURLToPath(new URL('cli/src/main.ts', REPOSITORY));

export async function createCommandFolder(): Promise<CommandFolder> {
  const directory = await mkdtemp(join(tmpdir(), 'rubot-e2e-'));
  const devFilePath = join(directory, DEV_FILE_PATH);
  const logFile = join(directory, 'logs', 'rubot.ndjson');
  await mkdir(dirname(devFilePath), { recursive: true });
  return {
    logFile,
    async tellOf({ urls, keys, demo }, otherKeys = keys) {
      const devFile: DevFile = {
        pid: process.pid,
        gateway_url: urls.gateway,
        middleware_url: urls.middleware,
        orchestrator_url: urls.orchestrator,
        agents: urls.agents,
        keys: otherKeys,
        demo,
        log_file: logFile,
      };
      await writeFile(devFilePath, JSON.stringify(devFile));
    },
    write: (name, text) => writeFile(join(directory, name), text),
    run: (parameters, environment = {}) =>
      new Promise((resolve) => {
        const child = execFile(process.execPath, [COMMAND, ...parameters], { cwd: directory, env: environment }, (_, stdout, stderr) =>
          resolve({ status: child.exitCode ?? -1, stdout, stderr }),
        );
      }),
    remove: () => rm(directory, { recursive: true }),
  };
}
