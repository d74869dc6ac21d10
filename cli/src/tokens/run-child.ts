import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import { RubotError } from '@rubot/errors';

export interface ChildToRun {
  readonly command: string;
  readonly parameters: readonly string[];
  /** All that it sees of an environment. */
  readonly environment: Readonly<Record<string, string>>;
  readonly workingDirectory: string;
}

const SIGNALLED = 128;
const FORWARDED: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'];
/** A terminal sends these to the child as well. */
const FROM_KEYBOARD: readonly NodeJS.Signals[] = ['SIGINT', 'SIGQUIT'];

/**
 * Runs a program in our place: without a shell, on our own input and output, until it ends.
 *
 * @returns its exit status, or 128 and the number of the signal that ended it, as shells say it
 * @throws RubotError when it cannot be started
 */
export async function runChild({ command, parameters, environment, workingDirectory }: ChildToRun): Promise<number> {
  const child = spawn(command, parameters, { cwd: workingDirectory, env: environment, stdio: 'inherit', shell: false });
  const stopForwarding = forwardSignals(child);
  try {
    const [status, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
    return signal === null ? (status ?? 0) : SIGNALLED + constants.signals[signal];
  } catch (cause) {
    throw toStartFailure(command, cause);
  } finally {
    stopForwarding();
  }
}

function forwardSignals(child: ChildProcess): () => void {
  const forward = (signal: NodeJS.Signals) => void child.kill(signal);
  const leaveToTerminal = (signal: NodeJS.Signals) => {
    if (process.stdin.isTTY !== true) child.kill(signal);
  };
  for (const signal of FORWARDED) process.on(signal, forward);
  for (const signal of FROM_KEYBOARD) process.on(signal, leaveToTerminal);
  return () => {
    for (const signal of FORWARDED) process.off(signal, forward);
    for (const signal of FROM_KEYBOARD) process.off(signal, leaveToTerminal);
  };
}

function toStartFailure(command: string, cause: unknown): RubotError {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  if (code === 'ENOENT')
    return new RubotError('not_found', `There is no command ${command}. It is looked for in PATH, and run without a shell.`, { cause });
  if (code === 'EACCES') return new RubotError('forbidden', `${command} may not be run: it is no program, or not one for you.`, { cause });
  return new RubotError('unavailable', `${command} could not be started: ${cause instanceof Error ? cause.message : String(cause)}`, {
    cause,
  });
}
