/** `undefined` when it takes longer: workerd drops the work of a request whose client leaves, and then nobody is ever answered. */
export async function waitFor<T>(answer: Promise<T>, timeoutMs: number): Promise<T | undefined> {
  const { promise: late, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(resolve, timeoutMs);
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}
