// Loaded before the program of every child (`node --import`). The stack holds the other end of this process's
// standard input and never writes to it, so its end means that the stack is gone, by SIGKILL too: a signal handler
// of the stack could not tell us that. Then the program is asked to stop as by its host, and made to if it does not.
const GRACE_MS = 5_000;

process.stdin.on('close', () => {
  setTimeout(() => process.exit(1), GRACE_MS).unref();
  process.kill(process.pid, 'SIGTERM');
});
process.stdin.resume();
// Waiting for the stack's end must not keep a program alive that has come to its own.
if ('unref' in process.stdin && typeof process.stdin.unref === 'function') process.stdin.unref();
