import { spawn } from 'node:child_process';
import { once } from 'node:events';

export interface Check {
  readonly name: string;
  readonly command: readonly [program: string, ...args: string[]];
}

export interface RunChecksOptions {
  /** Where the commands run. */
  readonly folder: string;
  readonly concurrency: number;
  readonly print: (text: string) => void;
}

interface Outcome {
  readonly ok: boolean;
  readonly output: string;
  readonly seconds: number;
}

/**
 * Runs all checks, the failing ones too: one line each as it ends, and what the failing ones printed at the end.
 *
 * @returns the names of those that failed
 */
export async function runChecks(checks: readonly Check[], { folder, concurrency, print }: RunChecksOptions): Promise<readonly string[]> {
  const failures: { readonly name: string; readonly output: string }[] = [];
  const nameWidth = Math.max(...checks.map(({ name }) => name.length));
  const waiting = checks.values();
  const startedAtMs = performance.now();
  const work = async () => {
    for (const { name, command } of waiting) {
      const { ok, output, seconds } = await runCheck(command, folder);
      print(`${ok ? 'ok    ' : 'FAILED'} ${name.padEnd(nameWidth)} ${seconds.toFixed(1).padStart(5)} s`);
      if (!ok) failures.push({ name, output });
    }
  };
  await Promise.all(Array.from({ length: concurrency }, work));

  for (const { name, output } of failures) print(`\n── ${name} ──\n${output.trimEnd()}`);
  const totalSeconds = ((performance.now() - startedAtMs) / 1_000).toFixed(1);
  print(
    failures.length === 0
      ? `\nall ${checks.length} checks hold, ${totalSeconds} s`
      : `\n${failures.length} of ${checks.length} checks failed: ${failures.map(({ name }) => name).join(', ')}`,
  );
  return failures.map(({ name }) => name);
}

async function runCheck([program, ...args]: Check['command'], folder: string): Promise<Outcome> {
  const startedAtMs = performance.now();
  let output = '';
  const child = spawn(program, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  // A program that is not there emits «error», which once() throws.
  const ok = await once(child, 'close').then(
    ([status]) => status === 0,
    (error: Error) => {
      output += `${program} could not be run: ${error.message}\n`;
      return false;
    },
  );
  return { ok, output, seconds: (performance.now() - startedAtMs) / 1_000 };
}
