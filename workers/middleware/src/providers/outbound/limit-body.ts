export interface BodyLimits {
  readonly maxBytes: number;
  /** Ends the body as well as the request. */
  readonly signal: AbortSignal;
  /** Made when the body is longer. */
  readonly tooLarge: () => unknown;
  /** What the reader is told instead of what broke the body off. */
  readonly toFailure: (thrown: unknown) => unknown;
}

/** The body with a bound to its length as it is read, decompressed: what a header says of it is not believed. */
export function limitBody(body: ReadableStream<Uint8Array>, limits: BodyLimits): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  const aborted = rejectOnAbort(limits.signal);
  let size = 0;
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await Promise.race([reader.read(), aborted]);
        if (done) return controller.close();
        size += value.byteLength;
        if (size <= limits.maxBytes) return controller.enqueue(value);
        controller.error(limits.tooLarge());
      } catch (thrown) {
        controller.error(limits.toFailure(thrown));
      }
      await reader.cancel().catch(ignoreCancelFailure);
    },
    cancel: (reason) => reader.cancel(reason),
  });
}

/** A runtime may let a body go on whose request was aborted. */
function rejectOnAbort(signal: AbortSignal): Promise<never> {
  const aborted = new Promise<never>((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason);
    else signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  // It may come when nobody reads.
  aborted.catch(ignoreCancelFailure);
  return aborted;
}

// Whoever sent it may already be gone.
function ignoreCancelFailure(): void {}
