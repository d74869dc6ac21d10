import { constants } from 'node:os';

const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP'];
const SIGNAL_STATUS_BASE = 128;

/**
 * Outlives a child, so that its end is seen, and hands it the signals meant for this process.
 *
 * @param {() => import('node:child_process').ChildProcess} start
 * @returns {Promise<number>} its exit status, 128 + n where signal n ended it; rejects when it could not be started
 */
export async function runChild(start) {
  let child;
  // Before the start, as a signal may come the moment the child is there.
  const stopForwarding = forwardSignals((signal) => child.kill(signal));
  const stopWatching = onOrphaned(() => child.kill('SIGTERM'));
  try {
    child = start();
    return await exitStatus(child);
  } finally {
    stopForwarding();
    stopWatching();
  }
}

const WATCH_INTERVAL_MS = 500;

/** npm and its shell pass no signal on that ends them; what they have started learns it by having another parent. */
function onOrphaned(act) {
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    act();
  }, WATCH_INTERVAL_MS);
  return () => clearInterval(timer);
}

function exitStatus(child) {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status, signal) => resolve(status ?? SIGNAL_STATUS_BASE + constants.signals[signal]));
  });
}

function forwardSignals(send) {
  // A terminal gives Ctrl-C to every process in front of it, so the child has it already; a second one would mean «now, at once».
  const onTerminal = process.stdin.isTTY;
  const forward = (signal) => {
    if (!onTerminal || signal === 'SIGTERM') send(signal);
  };
  for (const signal of FORWARDED) process.on(signal, forward);
  return () => {
    for (const signal of FORWARDED) process.off(signal, forward);
  };
}
