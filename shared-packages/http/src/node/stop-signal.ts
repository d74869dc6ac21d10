const STOP_SIGNALS = ['SIGTERM', 'SIGINT'] as const;

/**
 * Resolves when the process is asked to stop. It goes on listening after that: npm, shells and supervisors send a signal more than
 * once, and the second one would end a process that no longer listens in the middle of its last answers.
 */
export function stopSignal(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  for (const signal of STOP_SIGNALS) process.on(signal, () => resolve());
  return promise;
}
