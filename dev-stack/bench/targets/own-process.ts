import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

export interface OwnedProcess {
  readonly processId: number;
  stop(): Promise<void>;
}

const GRACE_MS = 2_000;

/** A child that ends when it is told to, and also when this process ends without having told it. */
export function ownProcess(child: ChildProcess): OwnedProcess {
  function kill(): void {
    child.kill('SIGKILL');
  }
  process.once('exit', kill);
  child.once('exit', () => process.removeListener('exit', kill));

  return {
    processId: child.pid ?? 0,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      const force = setTimeout(kill, GRACE_MS);
      await ended;
      clearTimeout(force);
    },
  };
}
