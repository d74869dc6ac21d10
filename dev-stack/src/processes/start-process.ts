import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { captureLines } from '@rubot/testkit/workerd/log-capture';
import { StackError } from '../stack/stack-error.ts';

export interface ProcessOptions {
  readonly name: string;
  /** The TypeScript file to run. */
  readonly entry: URL;
  /** All that the process sees of the environment. */
  readonly environment: Readonly<Record<string, string>>;
  readonly onLine: (line: string) => void;
  readonly onNoise: (line: string) => void;
}

export interface ProcessEnd {
  readonly name: string;
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The last things it printed that are no log lines: as a rule, why it ended. */
  readonly lastWords: readonly string[];
}

export interface RunningProcess {
  readonly pid: number;
  readonly ended: Promise<ProcessEnd>;
  /** Asks it to stop as its host would, and makes it when it does not in time. */
  stop(): Promise<ProcessEnd>;
  /** With all that it started; the signal must be one that ends. */
  kill(signal: NodeJS.Signals): Promise<ProcessEnd>;
}

const END_WITH_PARENT = new URL('./end-with-parent.ts', import.meta.url).href;
const STARTED = '"service.started"';
const START_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 5_000;
const MAX_LAST_WORDS = 20;

/**
 * Runs a program of ours under this very Node. Resolves when it has logged `service.started`.
 *
 * @throws StackError with the program's own words when it ends, or says nothing, before that
 */
export async function startProcess({ name, entry, environment, onLine, onNoise }: ProcessOptions): Promise<RunningProcess> {
  const started = Promise.withResolvers<void>();
  const lastWords: string[] = [];
  const child = spawn(process.execPath, ['--import', END_WITH_PARENT, fileURLToPath(entry)], {
    env: environment,
    cwd: fileURLToPath(new URL('.', entry)),
    stdio: ['pipe', 'pipe', 'pipe'],
    // Ctrl-C reaches a whole process group; the stack stops its children itself, and in order.
    detached: true,
  });
  const ended = untilClosed(child).then(([status, signal]) => ({ name, status, signal, lastWords }));
  // What it has started goes with it: workerd would live on without the host that was killed.
  child.once('exit', () => signalGroup(child, 'SIGKILL'));

  function hearNoise(line: string): void {
    lastWords.push(line);
    if (lastWords.length > MAX_LAST_WORDS) lastWords.shift();
    onNoise(`${name}: ${line}`);
  }
  captureLines(child.stdout, {
    onLine(line) {
      onLine(line);
      if (line.includes(STARTED)) started.resolve();
    },
    onNoise: hearNoise,
  });
  captureLines(child.stderr, { onLine: hearNoise, onNoise: hearNoise });

  async function kill(signal: NodeJS.Signals): Promise<ProcessEnd> {
    signalGroup(child, signal);
    return await ended;
  }

  async function stop(): Promise<ProcessEnd> {
    const force = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    child.kill('SIGTERM');
    const end = await ended;
    clearTimeout(force);
    return end;
  }

  await untilStarted(name, started.promise, ended).catch(async (thrown: unknown) => {
    await kill('SIGKILL');
    throw thrown;
  });
  return { pid: child.pid ?? 0, ended, stop, kill };
}

/** After 'exit', when all that it printed has been read as well. */
async function untilClosed(child: ChildProcess): Promise<[number | null, NodeJS.Signals | null]> {
  return (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
}

function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // ESRCH: nobody of the group is left, which is what was wanted.
  }
}

async function untilStarted(name: string, started: Promise<void>, ended: Promise<ProcessEnd>): Promise<void> {
  const timeout = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    timeout.reject(new StackError(`${name} did not start within ${START_TIMEOUT_MS / 1_000} s. The machine may be too busy; try again.`));
  }, START_TIMEOUT_MS);
  const failed = ended.then((end) => Promise.reject(new StackError(`${name} did not start. ${describeEnd(end)}`)));
  try {
    await Promise.race([started, failed, timeout.promise]);
  } finally {
    clearTimeout(timer);
    // Whatever ends a process that did start is told by `ended`.
    failed.catch(() => {});
  }
}

/** Who ended by itself has said why, as a rule; who was killed has not, whatever it said last. */
export function describeEnd({ status, signal, lastWords }: ProcessEnd): string {
  const words = lastWords.join('\n');
  if (signal === null) return words === '' ? `It ended with status ${status} and said nothing.` : words;
  return words === '' ? `It was ended by ${signal}.` : `It was ended by ${signal}; before, it said:\n${words}`;
}
