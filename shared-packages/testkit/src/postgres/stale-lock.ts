import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

const PATIENCE_MS = 10_000;
const PAUSE_MS = 50;

/**
 * Waits for a PostgreSQL that was killed to be gone, and clears what it left. PostgreSQL does so itself, except where the
 * first process of a container reaps no children: there the dead one keeps its number, and looks alive.
 */
export async function waitForFormer(dataDirectory: string): Promise<void> {
  const lock = join(dataDirectory, 'postmaster.pid');
  for (let waitedMs = 0; waitedMs < PATIENCE_MS; waitedMs += PAUSE_MS) {
    const pid = readPid(lock);
    if (pid === undefined || !isAlive(pid)) return;
    if (isDefunct(pid)) return rmSync(lock, { force: true });
    await pause(PAUSE_MS);
  }
}

function readPid(lock: string): number | undefined {
  try {
    return Number.parseInt(readFileSync(lock, 'utf8'), 10);
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** What Linux says; elsewhere the parent of all processes reaps. */
function isDefunct(pid: number): boolean {
  try {
    return /\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}
